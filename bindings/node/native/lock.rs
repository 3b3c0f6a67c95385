//! A lock, held in the name of a lease of its own.

use std::sync::Arc;
use std::time::Duration;

use etcdkit::concurrency::{Layout, LockGuard, Mutex, Session, SessionOptions};
use etcdkit::{Client, Error};
use etcdkit_bridge::BridgeError;
use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;

use crate::boundary::Answer;
use crate::client::{Link, NativeClient, milliseconds};

/// What a lock is made with.
#[napi(object)]
pub struct LockConfig {
    /// Name of the line, and in the bridge layout the plain key that older clients use.
    pub name: napi::bindgen_prelude::Buffer,
    /// Seconds that the lock outlives its holder's process.
    pub ttl: u32,
    /// Whether the plain key is held too.
    pub bridge: bool,
}

/// A lock of one holder.
#[napi]
pub struct NativeLock {
    link: Link,
    held: Arc<parking_lot::Mutex<Option<Arc<Held>>>>,
}

struct Held {
    /// None only while being dropped.
    guard: Option<LockGuard>,
    session: Session,
}

impl Held {
    fn guard(&self) -> Result<&LockGuard, BridgeError> {
        self.guard.as_ref().ok_or_else(BridgeError::closed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A program that forgets the object holds the lock until its lease ends.
        if let Some(guard) = self.guard.take() {
            guard.forget();
        }
    }
}

/// Ends the session of an attempt that fails, or that is given up midway.
struct Attempt(Option<Session>);

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            tokio::spawn(async move {
                // If it cannot be revoked now, the lease ends by itself.
                let _ = session.close().await;
            });
        }
    }
}

#[napi]
impl NativeLock {
    /// A lock that is not held.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient) -> Self {
        NativeLock { link: client.link(), held: Arc::default() }
    }

    /// Takes the lock; the answer is (lease, fencing token, key in the line), or undefined when the time is over.
    /// `wait` is in milliseconds: 0 tries once, undefined waits for ever.
    #[napi(catch_unwind)]
    pub fn acquire(&self, env: Env, tag: u32, config: LockConfig, wait: Option<f64>) -> napi::Result<BigInt> {
        let (lazy, held) = (self.link.lazy.clone(), self.held.clone());
        let wait = wait.map(milliseconds).transpose()?;
        let name = config.name.to_vec();
        let layout = match config.bridge {
            true => Layout::Bridge { key: name.clone(), value: Vec::new() },
            false => Layout::Reference,
        };
        let ttl = i64::from(config.ttl);
        Ok(self.link.start(&env, tag, async move {
            match acquire(lazy.client().await?, name, layout, ttl, wait).await? {
                None => Ok(Answer::Nothing),
                Some(taken) => {
                    let guard = taken.guard()?;
                    let lease = Answer::Long(taken.session.lease());
                    let token = Answer::Long(guard.fencing_token());
                    let key = Answer::Data(guard.key().to_vec().into());
                    *held.lock() = Some(Arc::new(taken));
                    Ok(Answer::List(vec![lease, token, key]))
                }
            }
        }))
    }

    /// Gives the lock back, by revoking its lease.
    #[napi(catch_unwind)]
    pub fn release(&self, env: Env, tag: u32) -> BigInt {
        let held = self.held.lock().take();
        self.link.start(&env, tag, async move {
            if let Some(held) = held {
                held.session.close().await?;
            }
            Ok(Answer::Nothing)
        })
    }

    /// Asks the server; the answer is whether the lock is held.
    #[napi(catch_unwind)]
    pub fn is_held(&self, env: Env, tag: u32) -> BigInt {
        let held = self.held.lock().clone();
        self.link.start(&env, tag, async move {
            match held {
                Some(held) => Ok(Answer::Boolean(held.guard()?.is_held().await?)),
                None => Ok(Answer::Boolean(false)),
            }
        })
    }

    /// Waits until the lock is lost; the answer says why, and is undefined when it is not held.
    #[napi(catch_unwind)]
    pub fn lost(&self, env: Env, tag: u32) -> BigInt {
        let held = self.held.lock().clone();
        self.link.start(&env, tag, async move {
            match held {
                Some(held) => Ok(Answer::Text(held.guard()?.lost().await.to_string())),
                None => Ok(Answer::Nothing),
            }
        })
    }
}

async fn acquire(
    client: Client,
    name: Vec<u8>,
    layout: Layout,
    ttl: i64,
    wait: Option<Duration>,
) -> Result<Option<Held>, BridgeError> {
    let session = Session::new(&client, Some(SessionOptions::new().with_ttl(ttl))).await?;
    let mut attempt = Attempt(Some(session.clone()));
    let mutex = Mutex::new(&session, &name).with_layout(layout);
    let outcome = match wait {
        Some(Duration::ZERO) => mutex.try_lock().await,
        Some(limit) => mutex.lock_timeout(limit).await,
        None => mutex.lock().await,
    };
    let guard = match outcome {
        Err(Error::Locked) => return Ok(None),
        outcome => outcome?,
    };
    attempt.0 = None;
    Ok(Some(Held { guard: Some(guard), session }))
}
