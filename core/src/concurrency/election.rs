//! An election: the front of a line leads, and its key's value is for all to see.

use std::collections::VecDeque;

use super::line::{self, Place, absent, line_prefix, pairs, place_key, repeatable, revision, still};
use super::session::Session;
use crate::client::Client;
use crate::election::{LeaderKey, LeaderResponse};
use crate::error::{Error, Result};
use crate::kv::PutOptions;
use crate::txn::{Txn, TxnOp};
use crate::watch::{EventType, WatchClient, WatchOptions, WatchStream};

/// An election among all processes that use the same name.
#[derive(Clone, Debug)]
pub struct Election {
    client: Client,
    name: Vec<u8>,
}

impl Election {
    /// The election `name`.
    pub fn new(client: &Client, name: impl Into<Vec<u8>>) -> Self {
        Self { client: client.clone(), name: name.into() }
    }

    /// Waits until the session leads, with `value` for all to see. Fails with [`Error::SessionExpired`] when the
    /// session ends. Dropping the future leaves the campaign.
    pub async fn campaign(&self, session: &Session, value: impl Into<Vec<u8>>) -> Result<Leadership> {
        let mut withdrawal = self.withdrawal(session);
        let candidacy = self.stand_in_line(session, &value.into()).await?;
        let leadership = candidacy.lead().await?;
        withdrawal.key = None;
        Ok(leadership)
    }

    /// Enters the election with `value`, and returns before the outcome is known. The candidate stays in line until
    /// it [resigns](Candidacy::resign) or its session ends. Dropping the future leaves the line.
    pub async fn enter(&self, session: &Session, value: impl Into<Vec<u8>>) -> Result<Candidacy> {
        let mut withdrawal = self.withdrawal(session);
        let candidacy = self.stand_in_line(session, &value.into()).await?;
        withdrawal.key = None;
        Ok(candidacy)
    }

    fn withdrawal(&self, session: &Session) -> Withdrawal {
        let key = place_key(&line_prefix(&self.name), session.lease());
        Withdrawal { session: session.clone(), key: Some(key) }
    }

    async fn stand_in_line(&self, session: &Session, value: &[u8]) -> Result<Candidacy> {
        let key = place_key(&line_prefix(&self.name), session.lease());
        let place = session.while_alive(enter(session, &key, value)).await?;
        Ok(Candidacy { leadership: Leadership { session: session.clone(), name: self.name.clone(), place } })
    }

    /// A leadership that an earlier campaign of the session won, from the key and the revision it told.
    pub fn resume(&self, session: &Session, key: impl Into<Vec<u8>>, revision: i64) -> Leadership {
        let place = Place { key: key.into(), rank: revision };
        Leadership { session: session.clone(), name: self.name.clone(), place }
    }

    /// The present leader. Fails with [`Error::ElectError`] when there is none.
    pub async fn leader(&self) -> Result<LeaderResponse> {
        let prefix = line_prefix(&self.name);
        let mut front = line::get(self.client.core(), &prefix, line::front_options()).await?;
        match front.take_kvs().pop() {
            Some(kv) => Ok(LeaderResponse { header: front.take_header(), kv: Some(kv) }),
            None => Err(Error::ElectError("no leader".to_owned())),
        }
    }

    /// The present leader, and every change of it or of its value.
    pub fn observe(&self) -> Observer {
        let prefix = line_prefix(&self.name);
        let (following, ready) = (None, VecDeque::new());
        Observer {
            client: self.client.clone(),
            prefix,
            following,
            ready,
            tells_vacancy: false,
            vacant: false,
        }
    }
}

/// Puts the candidate in line, with its present value if it stood there already.
async fn enter(session: &Session, key: &[u8], value: &[u8]) -> Result<Place> {
    let lease = PutOptions::new().with_lease(session.lease());
    let enter = Txn::new()
        .when([absent(key)])
        .and_then([TxnOp::put(key, value, Some(lease.clone()))])
        .or_else([TxnOp::get(key, None)]);
    let response = line::patiently(|| repeatable(session.core(), enter.clone())).await?;
    if response.succeeded() {
        return Ok(Place { key: key.to_vec(), rank: revision(&response) });
    }
    let own = pairs(&response, 0);
    let own = own.first().ok_or_else(|| Error::SessionExpired("the place in the line is gone".to_owned()))?;
    let place = Place { key: key.to_vec(), rank: own.create_revision() };
    if own.value() != value {
        proclaim(session, &place, value).await?;
    }
    Ok(place)
}

async fn proclaim(session: &Session, place: &Place, value: &[u8]) -> Result<()> {
    let put = TxnOp::put(&*place.key, value, Some(PutOptions::new().with_lease(session.lease())));
    let speak = Txn::new().when([still(&place.key, place.rank)]).and_then([put]);
    match repeatable(session.core(), speak).await?.succeeded() {
        true => Ok(()),
        false => Err(Error::ElectError("not leader".to_owned())),
    }
}

/// Takes the candidate out of the line when its campaign is given up.
struct Withdrawal {
    session: Session,
    key: Option<Vec<u8>>,
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let session = self.session.clone();
        self.session.runtime().spawn(async move {
            let ours = crate::Compare::lease(&*key, crate::CompareOp::Equal, session.lease());
            let leave = Txn::new().when([ours]).and_then([TxnOp::delete(&*key, None)]);
            let leaving = line::patiently(|| repeatable(session.core(), leave.clone()));
            if let Err(error) = session.while_alive(leaving).await {
                tracing::debug!(%error, "a campaign could not be withdrawn; it ends with its lease");
            }
        });
    }
}

/// A candidate in the line of an election.
#[derive(Clone, Debug)]
pub struct Candidacy {
    leadership: Leadership,
}

impl Candidacy {
    /// The candidate's key.
    pub fn key(&self) -> &[u8] {
        self.leadership.key()
    }

    /// The fencing token that the candidate will have as the leader.
    pub fn fencing_token(&self) -> i64 {
        self.leadership.fencing_token()
    }

    /// Waits until the candidate leads. Fails with [`Error::SessionExpired`] when the session ends. Dropping the
    /// future leaves the candidate in line.
    pub async fn lead(&self) -> Result<Leadership> {
        let Leadership { session, name, place } = &self.leadership;
        session.while_alive(line::reach_front(session, &line_prefix(name), place)).await?;
        Ok(self.leadership.clone())
    }

    /// Changes the candidate's value, leading or not. Fails with [`Error::ElectError`] when the candidacy is over.
    pub async fn proclaim(&self, value: impl Into<Vec<u8>>) -> Result<()> {
        self.leadership.proclaim(value).await
    }

    /// Leaves the line, leading or not. No error when it is over already.
    pub async fn resign(self) -> Result<()> {
        self.leadership.resign().await
    }
}

/// Leadership won. It lasts until [`resign`](Leadership::resign) or the end of the session, not until the drop.
#[derive(Clone, Debug)]
pub struct Leadership {
    session: Session,
    name: Vec<u8>,
    place: Place,
}

impl Leadership {
    /// The leader's key.
    pub fn key(&self) -> &[u8] {
        &self.place.key
    }

    /// Grows from leader to leader; see [`LockGuard::fencing_token`](super::LockGuard::fencing_token).
    pub fn fencing_token(&self) -> i64 {
        self.place.rank
    }

    /// The proof of leadership that the election service understands.
    pub fn leader_key(&self) -> LeaderKey {
        LeaderKey::new()
            .with_name(&*self.name)
            .with_key(&*self.place.key)
            .with_rev(self.place.rank)
            .with_lease(self.session.lease())
    }

    /// Changes the leader's value. Fails with [`Error::ElectError`] when the leadership is over.
    pub async fn proclaim(&self, value: impl Into<Vec<u8>>) -> Result<()> {
        proclaim(&self.session, &self.place, &value.into()).await
    }

    /// Gives the leadership up. No error when it is over already.
    pub async fn resign(self) -> Result<()> {
        let Place { key, rank } = &self.place;
        let leave = Txn::new().when([still(key, *rank)]).and_then([TxnOp::delete(key.clone(), None)]);
        repeatable(self.session.core(), leave).await?;
        Ok(())
    }
}

/// The leaders of an election, one after the other. Survives lost connections.
#[derive(Debug)]
pub struct Observer {
    client: Client,
    prefix: Vec<u8>,
    following: Option<WatchStream>,
    ready: VecDeque<LeaderResponse>,
    tells_vacancy: bool,
    /// Whether the last thing told is that nobody leads.
    vacant: bool,
}

impl Observer {
    /// Tells also when nobody leads, by a response without a pair: at the beginning, and when a leader goes and no
    /// other candidate is in line.
    #[must_use]
    pub fn with_vacancies(mut self) -> Self {
        self.tells_vacancy = true;
        self
    }

    /// Waits for the next leader, or the next value of the present one.
    pub async fn message(&mut self) -> Result<Option<LeaderResponse>> {
        loop {
            if let Some(leader) = self.ready.pop_front() {
                return Ok(Some(leader));
            }
            match self.following.as_mut() {
                None => self.find().await?,
                Some(watch) => match watch.message().await? {
                    Some(response) if !response.canceled() => {
                        let header = response.header().cloned();
                        for event in response.events() {
                            if event.event_type() == EventType::Delete {
                                self.following = None;
                                break;
                            }
                            let kv = event.kv().cloned();
                            self.ready.push_back(LeaderResponse { header: header.clone(), kv });
                        }
                    }
                    _ => self.following = None,
                },
            }
        }
    }

    /// Looks for the leader and follows its key from there; without one, waits for a candidate.
    async fn find(&mut self) -> Result<()> {
        let core = self.client.core();
        let mut front = line::patiently(|| line::get(core, &self.prefix, line::front_options())).await?;
        let from = front.header().map_or(0, |header| header.revision()) + 1;
        let leader = front.take_kvs().pop();
        let watches = WatchClient::new(core.clone());
        match leader {
            Some(kv) => {
                self.vacant = false;
                let key = kv.key().to_vec();
                let options = WatchOptions::new().with_start_revision(from);
                self.following =
                    Some(line::patiently(|| watches.watch(key.clone(), Some(options.clone()))).await?);
                self.ready.push_back(LeaderResponse { header: front.take_header(), kv: Some(kv) });
            }
            None if self.tells_vacancy && !self.vacant => {
                self.vacant = true;
                self.ready.push_back(LeaderResponse { header: front.take_header(), kv: None });
            }
            None => {
                let options = WatchOptions::new().with_prefix().with_start_revision(from);
                let mut candidates =
                    line::patiently(|| watches.watch(self.prefix.clone(), Some(options.clone()))).await?;
                while let Some(response) = candidates.message().await? {
                    if response.canceled() || !response.events().is_empty() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}
