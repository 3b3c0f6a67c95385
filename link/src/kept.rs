//! A connection that is made when it is needed, and kept.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

/// A connection, or why there is none.
type Made<C> = Result<C, Arc<str>>;
type Making<C> = Shared<BoxFuture<'static, Made<C>>>;

/// A connection to one address. It is made for all who wait at a time, so that a dead server costs one timeout and not
/// one for each call behind it, and goes on being made when a caller's time is over.
pub struct Kept<C> {
    making: Mutex<Option<Making<C>>>,
}

impl<C> Default for Kept<C> {
    fn default() -> Self {
        Self { making: Mutex::new(None) }
    }
}

impl<C: Clone + Send + Sync + 'static> Kept<C> {
    /// Around a connection that is there already.
    pub fn of(connection: C) -> Self {
        let made = futures::future::ready(Ok(connection)).boxed().shared();
        Self { making: Mutex::new(Some(made)) }
    }

    /// The connection. Where there is none that is usable, `make` makes it, in a task of its own, which ends early when
    /// this is dropped.
    ///
    /// # Errors
    /// Why it could not be made. Nothing was sent. The next caller has it made again.
    pub async fn get<M, F>(&self, is_usable: impl Fn(&C) -> bool, make: M) -> Made<C>
    where
        M: FnOnce() -> F,
        F: Future<Output = Result<C, String>> + Send + 'static,
    {
        let making = {
            let mut kept = self.making.lock();
            match kept.as_ref().map(|making| (made(making), making)) {
                Some((Some(Ok(connection)), _)) if is_usable(&connection) => return Ok(connection),
                Some((None, making)) => making.clone(),
                _ => kept.insert(begin(make())).clone(),
            }
        };
        making.await
    }

    /// Forgets the connection, so that the next caller has a new one made. Calls in flight on it go on.
    pub fn forget(&self) {
        self.making.lock().take_if(|making| made(making).is_some());
    }
}

impl<C> std::fmt::Debug for Kept<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// What came of it so far. Who had it made may have left.
fn made<C: Clone>(making: &Making<C>) -> Option<Made<C>> {
    making.peek().cloned().or_else(|| making.clone().now_or_never())
}

fn begin<C: Clone + Send + Sync + 'static>(
    make: impl Future<Output = Result<C, String>> + Send + 'static,
) -> Making<C> {
    let task = AbortOnDropHandle::new(tokio::spawn(make));
    let made = task.map(|ended| match ended {
        Ok(made) => made.map_err(Arc::from),
        Err(error) => Err(Arc::from(error.to_string())),
    });
    made.boxed().shared()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn slowly(result: Result<u32, String>) -> Result<u32, String> {
        tokio::time::sleep(SECOND).await;
        result
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_is_told_to_all_who_waited_and_to_none_later() {
        let (kept, made) = (Kept::default(), AtomicU32::new(0));
        let fail = || {
            made.fetch_add(1, Ordering::Relaxed);
            slowly(Err("nobody".to_owned()))
        };
        let told = futures::future::join_all((0..10).map(|_| kept.get(|_| true, fail))).await;
        assert!(told.iter().all(|told| *told == Err("nobody".into())));
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert_eq!(kept.get(|_| true, || slowly(Ok(7))).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_made_even_if_nobody_waits_so_long() {
        let kept = Kept::default();
        assert!(timeout(SECOND / 2, kept.get(|_| true, || slowly(Ok(1)))).await.is_err());
        tokio::time::sleep(SECOND).await;
        assert_eq!(kept.get(|_| true, || slowly(Ok(2))).now_or_never(), Some(Ok(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_unusable_or_forgotten_is_made_again() {
        let kept = Kept::of(1);
        assert_eq!(kept.get(|_| true, || slowly(Ok(2))).now_or_never(), Some(Ok(1)));
        assert_eq!(kept.get(|usable| *usable != 1, || slowly(Ok(2))).await, Ok(2));
        kept.forget();
        assert_eq!(kept.get(|_| true, || slowly(Ok(3))).await, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_made_for_nobody() {
        let (kept, (alive, mut ended)) = (Kept::default(), tokio::sync::oneshot::channel::<()>());
        let holding = async move {
            let _alive = alive;
            slowly(Ok(1)).await
        };
        assert!(timeout(SECOND / 2, kept.get(|_| true, || holding)).await.is_err());
        assert!(ended.try_recv().is_err_and(|why| why == tokio::sync::oneshot::error::TryRecvError::Empty));
        drop(kept);
        assert!(timeout(SECOND / 4, ended).await.unwrap().is_err());
    }
}
