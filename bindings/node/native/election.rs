//! An election, entered in the name of a lease of its own.

use std::sync::Arc;

use bytes::Bytes;
use etcdkit::LeaderResponse;
use etcdkit::concurrency::{Candidacy, Election, Observer, Session, SessionOptions};
use etcdkit::proto::v3electionpb;
use etcdkit_bridge::{BridgeError, Kind, Scope};
use napi::Env;
use napi::bindgen_prelude::{BigInt, Buffer};
use napi_derive::napi;
use parking_lot::Mutex;
use prost::Message;

use crate::boundary::{Answer, Outcome};
use crate::client::{Link, NativeClient};
use crate::keep_alive::{internal, wire_header};
use crate::schema;
use crate::watch::wire_pair;

/// One candidate.
#[napi]
pub struct NativeCampaign {
    link: Link,
    scope: Scope,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    candidacy: Option<Candidacy>,
}

#[napi]
impl NativeCampaign {
    /// A candidate that has not entered.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient) -> Self {
        let link = client.link();
        NativeCampaign { scope: link.scope.child(), link, state: Arc::default() }
    }

    /// Makes the session, of `ttl` seconds; the answer is its lease.
    #[napi(catch_unwind)]
    pub fn open(&self, env: Env, tag: u32, ttl: u32) -> BigInt {
        let (lazy, state) = (self.link.lazy.clone(), self.state.clone());
        self.link.gate.start(&env, tag, &self.scope, async move {
            let options = SessionOptions::new().with_ttl(i64::from(ttl));
            let session = Session::new(&lazy.client().await?, Some(options)).await?;
            let lease = session.lease();
            state.lock().session = Some(session);
            Ok(Answer::Long(lease))
        })
    }

    /// Enters the election `name`; the answer is (key, fencing token).
    #[napi(catch_unwind)]
    pub fn enter(&self, env: Env, tag: u32, name: Buffer, value: Buffer) -> BigInt {
        let (lazy, state) = (self.link.lazy.clone(), self.state.clone());
        let (name, value) = (name.to_vec(), value.to_vec());
        self.link.gate.start(&env, tag, &self.scope, async move {
            let session = session(&state)?;
            let candidacy = Election::new(&lazy.client().await?, name).enter(&session, value).await?;
            let key = Answer::Data(candidacy.key().to_vec().into());
            let token = Answer::Long(candidacy.fencing_token());
            state.lock().candidacy = Some(candidacy);
            Ok(Answer::List(vec![key, token]))
        })
    }

    /// Waits until the candidate leads.
    #[napi(catch_unwind)]
    pub fn lead(&self, env: Env, tag: u32) -> BigInt {
        let candidacy = candidacy(&self.state);
        self.link.gate.start(&env, tag, &self.scope, async move {
            candidacy?.lead().await?;
            Ok(Answer::Nothing)
        })
    }

    /// Changes the candidate's value.
    #[napi(catch_unwind)]
    pub fn proclaim(&self, env: Env, tag: u32, value: Buffer) -> BigInt {
        let (candidacy, value) = (candidacy(&self.state), value.to_vec());
        self.link.gate.start(&env, tag, &self.scope, async move {
            candidacy?.proclaim(value).await?;
            Ok(Answer::Nothing)
        })
    }

    /// Waits until the session is lost; the answer says why, and is undefined after `resign`.
    #[napi(catch_unwind)]
    pub fn lost(&self, env: Env, tag: u32) -> BigInt {
        let (session, scope) = (session(&self.state), self.scope.clone());
        self.link.gate.start(&env, tag, &Scope::new(), async move {
            let session = session?;
            match scope.run(async { Ok(session.lost().await.to_string()) }).await {
                Ok(reason) => Ok(Answer::Text(reason)),
                Err(error) if error.kind == Kind::Closed => Ok(Answer::Nothing),
                Err(error) => Err(error),
            }
        })
    }

    /// Leaves the election, leading or waiting, by revoking the lease.
    #[napi(catch_unwind)]
    pub fn resign(&self, env: Env, tag: u32) -> BigInt {
        self.scope.close();
        let session = {
            let mut state = self.state.lock();
            state.candidacy = None;
            state.session.take()
        };
        self.link.start(&env, tag, async move {
            if let Some(session) = session {
                session.close().await?;
            }
            Ok(Answer::Nothing)
        })
    }
}

fn session(state: &Mutex<State>) -> Result<Session, BridgeError> {
    let session = state.lock().session.clone();
    session.ok_or_else(|| etcdkit::Error::ElectError("the campaign is over".to_owned()).into())
}

fn candidacy(state: &Mutex<State>) -> Result<Candidacy, BridgeError> {
    let candidacy = state.lock().candidacy.clone();
    candidacy.ok_or_else(|| etcdkit::Error::ElectError("not leader".to_owned()).into())
}

/// The leaders of an election, one after the other.
#[napi]
pub struct NativeObserver {
    link: Link,
    scope: Scope,
    name: Vec<u8>,
    observer: Arc<tokio::sync::Mutex<Option<Observer>>>,
}

#[napi]
impl NativeObserver {
    /// An observer of the election `name`.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient, name: Buffer) -> Self {
        let link = client.link();
        NativeObserver { scope: link.scope.child(), link, name: name.to_vec(), observer: Arc::default() }
    }

    /// The present leader, as a LeaderResponse; undefined when there is none.
    #[napi(catch_unwind)]
    pub fn leader(&self, env: Env, tag: u32) -> BigInt {
        let (lazy, name) = (self.link.lazy.clone(), self.name.clone());
        self.link.gate.start(&env, tag, &self.scope, async move {
            match Election::new(&lazy.client().await?, name).leader().await {
                Err(etcdkit::Error::ElectError(_)) => Ok(Answer::Nothing),
                leader => wire(&leader?),
            }
        })
    }

    /// Waits for the next leader, or its next value: a LeaderResponse, without a pair when nobody leads; undefined
    /// when closed.
    #[napi(catch_unwind)]
    pub fn next(&self, env: Env, tag: u32) -> BigInt {
        let (lazy, name) = (self.link.lazy.clone(), self.name.clone());
        let (observer, scope) = (self.observer.clone(), self.scope.clone());
        self.link.gate.start(&env, tag, &Scope::new(), async move {
            let next = scope.run(async {
                let mut observer = observer.lock().await;
                if observer.is_none() {
                    *observer = Some(Election::new(&lazy.client().await?, name).observe().with_vacancies());
                }
                match observer.as_mut() {
                    Some(observer) => Ok(observer.message().await?),
                    None => Ok(None),
                }
            });
            match next.await {
                Err(error) if error.kind == Kind::Closed => Ok(Answer::Nothing),
                next => next?.map_or(Ok(Answer::Nothing), |leader| wire(&leader)),
            }
        })
    }

    /// Ends the observation.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.scope.close();
    }
}

impl Drop for NativeObserver {
    fn drop(&mut self) {
        self.scope.close();
    }
}

fn wire(leader: &LeaderResponse) -> Outcome {
    let header = leader.header().map(wire_header);
    let message = v3electionpb::LeaderResponse { header, kv: leader.kv().map(wire_pair) };
    let schema = schema::message("v3electionpb.LeaderResponse").map_err(internal)?;
    Ok(Answer::Message(schema, Bytes::from(message.encode_to_vec())))
}
