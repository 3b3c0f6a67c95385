//! Locks and elections: the SDK's own lock, and the services of the server.

use std::time::Duration;

use anyhow::{Context as _, Result};
use etcdkit::concurrency::{Election, Layout, LockGuard, Mutex, Session, SessionOptions};
use etcdkit::{Error, LockOptions, ProclaimOptions, ResignOptions};

use crate::Driver;
use crate::line::{Line, hex, pair};

/// A held lock with the session it is held in.
pub(crate) struct Held {
    guard: LockGuard,
    session: Session,
}

impl Driver {
    pub(crate) async fn lock(&self, line: &Line) -> Result<Line> {
        match line.verb.as_str() {
            "lock" => self.take(line).await,
            "unlock" => {
                let id = u64::try_from(line.need("lock")?)?;
                let held = self.objects.lock().await.locks.remove(&id).context("no such lock")?;
                held.guard.unlock().await?;
                held.session.close().await?;
                Ok(line.ok())
            }
            "rpc_lock" => {
                let options = line.number("lease")?.map(|lease| LockOptions::new().with_lease(lease));
                let response = self.client(line).await?.lock(line.bytes("name")?, options).await?;
                Ok(line.answered(response.header()).with("key", hex(response.key())))
            }
            _ => Ok(line.answered(self.client(line).await?.unlock(line.bytes("key")?).await?.header())),
        }
    }

    async fn session(&self, line: &Line) -> Result<Session> {
        let mut options = SessionOptions::new();
        if let Some(ttl) = line.number("ttl")? {
            options = options.with_ttl(ttl);
        }
        Ok(Session::new(&self.client(line).await?, Some(options)).await?)
    }

    async fn take(&self, line: &Line) -> Result<Line> {
        let session = self.session(line).await?;
        let name = line.bytes("name")?;
        let mut mutex = Mutex::new(&session, &name);
        if line.get("layout") == Some("bridge") {
            mutex = mutex.with_layout(Layout::Bridge { key: name, value: b"rust".to_vec() });
        }
        let outcome = match line.number("timeout")? {
            Some(limit) => mutex.lock_timeout(Duration::from_millis(u64::try_from(limit)?)).await,
            None => mutex.lock().await,
        };
        match outcome {
            Ok(guard) => {
                let answer = line
                    .ok()
                    .with("acquired", 1)
                    .with("rev", guard.revision())
                    .with("token", guard.fencing_token());
                let answer = answer.with("key", hex(guard.key()));
                self.objects.lock().await.locks.insert(line.id, Held { guard, session });
                Ok(answer)
            }
            Err(Error::Locked) => {
                session.close().await?;
                Ok(line.ok().with("acquired", 0))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn election(&self, line: &Line) -> Result<Line> {
        let client = self.client(line).await?;
        let name = line.bytes("name")?;
        match line.verb.as_str() {
            // Without a lease: the SDK's own election, whose session lives as long as its leadership.
            "campaign" if line.number("lease")?.is_none() => {
                let session = self.session(line).await?;
                let won = Election::new(&client, name).campaign(&session, line.bytes("value")?).await?;
                let answer = line.ok().with("key", hex(won.key())).with("create", won.fencing_token());
                let answer = answer.with("lease", session.lease());
                self.objects.lock().await.leaders.insert(line.id, won.leader_key());
                self.objects.lock().await.sessions.insert(line.id, session);
                Ok(answer)
            }
            "campaign" => {
                let response = client.campaign(name, line.bytes("value")?, line.need("lease")?).await?;
                let leader = response.leader().context("no leader key in the answer")?.clone();
                let answer = line.answered(response.header()).with("key", hex(leader.key()));
                let answer = answer.with("create", leader.rev()).with("lease", leader.lease());
                self.objects.lock().await.leaders.insert(line.id, leader);
                Ok(answer)
            }
            "proclaim" => {
                let options = ProclaimOptions::new().with_leader(self.leader(line).await?);
                Ok(line.answered(client.proclaim(line.bytes("value")?, Some(options)).await?.header()))
            }
            "resign" => {
                let options = ResignOptions::new().with_leader(self.leader(line).await?);
                let response = client.resign(Some(options)).await?;
                let campaign = u64::try_from(line.need("leader")?)?;
                let session = self.objects.lock().await.sessions.remove(&campaign);
                if let Some(session) = session {
                    session.close().await?;
                }
                Ok(line.answered(response.header()))
            }
            "leader" => {
                let response = client.leader(name).await?;
                Ok(line.answered(response.header()).with_pairs(response.kv()))
            }
            _ => {
                let (driver, id, owner) = (self.clone(), line.id, u64::try_from(line.need("client")?)?);
                // The stream opens with the first leader, so the answer does not wait for it.
                let pump = tokio::spawn(async move { driver.pump_leaders(id, client, name).await });
                self.objects.lock().await.tasks.insert(id, (owner, pump.abort_handle()));
                Ok(line.ok())
            }
        }
    }

    async fn leader(&self, line: &Line) -> Result<etcdkit::LeaderKey> {
        let campaign = u64::try_from(line.need("leader")?)?;
        self.objects.lock().await.leaders.get(&campaign).cloned().context("no such leadership")
    }

    async fn pump_leaders(&self, id: u64, client: etcdkit::Client, name: Vec<u8>) {
        let Ok(mut leaders) = client.observe(name).await else { return };
        while let Ok(Some(response)) = leaders.message().await {
            let line = Line::new(id, "event").with("type", "LEADER");
            let line = response.kv().into_iter().fold(line, |line, kv| line.with("kv", pair(kv)));
            self.tell(line).await;
        }
    }
}
