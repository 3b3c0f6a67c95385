//! Locks and elections that exclude those of every etcd client: `etcdctl lock`, Go's `concurrency` and the server's
//! lock and election services use the same keys.
//!
//! A lease cannot make a lock safe by itself: a process that sleeps through the end of its lease wakes up believing
//! that it holds the lock. So a held lock tells when it is [lost](LockGuard::lost) and has a
//! [fencing token](LockGuard::fencing_token) that the guarded resource can check.
//!
//! ```no_run
//! # async fn example() -> etcdkit::Result<()> {
//! use etcdkit::concurrency::{Mutex, Session};
//! let client = etcdkit::Client::connect(["localhost:2379"], None).await?;
//! let session = Session::new(&client, None).await?;
//! let guard = Mutex::new(&session, "locks/report").lock().await?;
//! println!("writing with token {}", guard.fencing_token());
//! guard.unlock().await?;
//! session.close().await?;
//! # Ok(())
//! # }
//! ```

mod election;
mod line;
mod mutex;
mod rw_mutex;
mod session;
mod stm;

pub use election::{Candidacy, Election, Leadership, Observer};
pub use mutex::{Layout, LockGuard, LockLost, Mutex};
pub use rw_mutex::{RwGuard, RwMutex};
pub use session::{SESSION_TTL, Session, SessionOptions};
pub use stm::{Isolation, STM_ATTEMPTS_MAX, Stm, StmTxn};
