//! Passwords: slow to check on purpose, so neither the threads of the server nor its memory may be taken up by those
//! who guess.

use std::sync::Arc;
use std::thread::{self, available_parallelism};
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tonic::Status;

/// Checks that may wait for a thread, a password in memory each. More are refused at once.
const WAITING_MAX: usize = 1024;

/// How long a check may wait for a thread before it is refused. Those who guess in a loop are held up by it too: told
/// at once, their next guesses would take the processors from everybody else.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Of the threads that check, see nice(2): beside a busy server they get a tenth of a processor.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Longest password, bytes: bcrypt looks at no more, and silence about the rest would be a trap.
const BYTES_MAX: usize = 72;

/// Hashes and compares passwords on threads of their own. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords {
    cost: u32,
    /// One for each check at work.
    working: Arc<Semaphore>,
    /// One for each check at work or waiting.
    admitted: Arc<Semaphore>,
}

impl Passwords {
    /// Work factor of new hashes, 4 to 31: each step doubles the time. etcd's default is 10.
    pub(crate) fn new(cost: u32) -> Self {
        // One processor stays with those who know their password.
        let threads = available_parallelism().map_or(1, |count| count.get().saturating_sub(1).max(1));
        Passwords {
            cost,
            working: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads + WAITING_MAX)),
        }
    }

    /// The hash to store, in the usual text form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Status> {
        if password.len() > BYTES_MAX {
            return Err(Status::unknown("bcrypt: password length exceeds 72 bytes"));
        }
        let cost = self.cost;
        let hashed = self.work(move || bcrypt::hash(password, cost)).await?;
        hashed.map_err(|error| Status::unknown(error.to_string()))
    }

    /// Whether the password is the one that was hashed. A hash that cannot be read is nobody's.
    pub(crate) async fn is_right(&self, password: String, hash: Bytes) -> Result<bool, Status> {
        self.work(move || {
            let hash = std::str::from_utf8(&hash).unwrap_or_default();
            bcrypt::verify(password, hash).unwrap_or(false)
        })
        .await
    }

    /// Takes as long as a check, for a name that is nobody's: otherwise the clock would tell who is a user.
    pub(crate) async fn pretend(&self, password: String) -> Result<(), Status> {
        let cost = self.cost;
        let hashed =
            self.work(move || bcrypt::hash(&password.as_bytes()[..password.len().min(BYTES_MAX)], cost));
        hashed.await.map(drop)
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
        let admitted =
            Arc::clone(&self.admitted).try_acquire_owned().map_err(|_full| EtcdError::TooManyRequests)?;
        let turn = timeout(WAIT_MAX, Arc::clone(&self.working).acquire_owned()).await;
        let working =
            turn.map_err(|_elapsed| EtcdError::TooManyRequests)?.map_err(|_closed| EtcdError::Stopped)?;
        let (tell, told) = oneshot::channel();
        let thread = thread::Builder::new().name("password".into());
        thread
            .spawn(move || {
                let_others_go_first();
                let done = work();
                // Held by the work itself: a caller that gives up does not make room while it goes on.
                drop((working, admitted));
                let _given_up = tell.send(done);
            })
            .map_err(|error| {
                Status::resource_exhausted(format!("no thread to check a password on: {error}"))
            })?;
        told.await.map_err(|_panicked| EtcdError::Stopped.into())
    }
}

/// Whoever sent a password waits a tenth of a second and more; whoever sent a put waits for nothing like it. On a thread
/// of its own each time, because what is given up here cannot be had back without a privilege.
fn let_others_go_first() {
    #[cfg(target_os = "linux")]
    let _best_effort = rustix::process::setpriority_process(None, NICENESS);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const COST_MIN: u32 = 4;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash() {
        let passwords = Passwords::new(COST_MIN);
        let hash = Bytes::from(passwords.hash("secret".into()).await.unwrap());
        assert!(passwords.is_right("secret".into(), hash.clone()).await.unwrap());
        assert!(!passwords.is_right("Secret".into(), hash).await.unwrap());
        assert!(!passwords.is_right("".into(), Bytes::from_static(b"no hash")).await.unwrap());
    }

    /// Made by Go's bcrypt, whose hashes carry another letter.
    #[tokio::test]
    async fn hashes_of_etcd_are_understood() {
        let hash = Bytes::from_static(b"$2a$04$Y/x6ZXqdaKqGgAxfQjMPvOSXjOwGcEzLpnLkrvDTDwMNcwEPpnCPy");
        let passwords = Passwords::new(COST_MIN);
        // Whatever the password was, the form is taken and the comparison ends in an answer.
        assert!(!passwords.is_right("surely not".into(), hash).await.unwrap());
    }

    #[tokio::test]
    async fn an_overlong_password_is_refused_not_cut() {
        let status = Passwords::new(COST_MIN).hash("x".repeat(73)).await.unwrap_err();
        assert_eq!(status.message(), "bcrypt: password length exceeds 72 bytes");
    }

    #[tokio::test]
    async fn more_checks_than_can_wait_are_refused() {
        let passwords = Passwords::new(COST_MIN);
        let all = passwords.admitted.available_permits();
        let _held = passwords.admitted.try_acquire_many(u32::try_from(all).unwrap()).unwrap();
        let status = passwords.hash("x".into()).await.unwrap_err();
        assert_eq!(status.message(), "etcdserver: too many requests");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_whose_turn_does_not_come_is_refused() {
        let passwords = Passwords::new(COST_MIN);
        let all = passwords.working.available_permits();
        let held = passwords.working.try_acquire_many(u32::try_from(all).unwrap()).unwrap();
        let status = passwords.hash("x".into()).await.unwrap_err();
        assert_eq!(status.message(), "etcdserver: too many requests");
        drop(held);
        assert_eq!(passwords.admitted.available_permits(), all + WAITING_MAX);
        passwords.hash("x".into()).await.unwrap();
    }
}
