//! Streams across a language boundary: pulled in batches, never pushed, so that a slow reader costs no memory.

use std::ops::{Deref, DerefMut};
use std::pin::Pin;

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::{Mutex, MutexGuard};

use crate::call::Scope;
use crate::error::BridgeError;

/// Items one pull returns at most: enough to pay for the crossing, few enough to stay in cache.
pub const BATCH_MAX: usize = 1024;

type Items<T> = Pin<Box<dyn Stream<Item = Result<T, BridgeError>> + Send>>;

/// A stream that another language reads.
pub struct Pulled<T> {
    items: Mutex<Reader<T>>,
    scope: Scope,
}

struct Reader<T> {
    items: Option<Items<T>>,
    /// An error met behind items of the same batch.
    held: Option<BridgeError>,
}

impl<T: Send + 'static> Pulled<T> {
    /// Wraps a stream; it ends with its scope.
    pub fn new<E>(scope: &Scope, items: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self
    where
        E: Into<BridgeError> + 'static,
    {
        let items: Items<T> = Box::pin(items.map(|item| item.map_err(Into::into)));
        Self { items: Mutex::new(Reader { items: Some(items), held: None }), scope: scope.child() }
    }

    /// What pulls belong to: start them in this scope, so that closing the stream ends them.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Waits for one item and takes what else is ready, up to `max` and [`BATCH_MAX`]. Empty at the end of the stream.
    ///
    /// Cancel-safe: a pull that is given up loses nothing. Pulls made at once are served one after the other.
    pub async fn next(&self, max: usize) -> Result<Vec<T>, BridgeError> {
        let max = max.clamp(1, BATCH_MAX);
        let mut reader = Reading { reader: self.items.lock().await, scope: &self.scope };
        if let Some(error) = reader.held.take() {
            return Err(error);
        }
        let Some(items) = reader.items.as_mut() else { return Ok(Vec::new()) };
        let mut batch = Vec::new();
        let mut ended = false;
        match items.next().await {
            Some(item) => batch.push(item?),
            None => {
                reader.items = None;
                return Ok(batch);
            }
        }
        while batch.len() < max {
            match items.next().now_or_never() {
                Some(Some(Ok(item))) => batch.push(item),
                Some(Some(Err(error))) => {
                    reader.held = Some(error);
                    break;
                }
                Some(None) => {
                    ended = true;
                    break;
                }
                None => break,
            }
        }
        if ended {
            reader.items = None;
        }
        Ok(batch)
    }

    /// Ends the stream: lets go of its source, now or when the pull in flight has been given up. That pull completes
    /// with [`Kind::Closed`](crate::Kind::Closed) if it was started in the scope of the stream.
    pub fn close(&self) {
        self.scope.close();
        if let Ok(mut reader) = self.items.try_lock() {
            reader.items = None;
        }
    }
}

/// The right to pull. A stream that is closed meanwhile is let go of here: `close` could not get at it.
struct Reading<'a, T> {
    reader: MutexGuard<'a, Reader<T>>,
    scope: &'a Scope,
}

impl<T> Deref for Reading<'_, T> {
    type Target = Reader<T>;

    fn deref(&self) -> &Reader<T> {
        &self.reader
    }
}

impl<T> DerefMut for Reading<'_, T> {
    fn deref_mut(&mut self) -> &mut Reader<T> {
        &mut self.reader
    }
}

impl<T> Drop for Reading<'_, T> {
    fn drop(&mut self) {
        if self.scope.check().is_err() {
            self.reader.items = None;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::stream;

    use super::*;
    use crate::{Kind, start_pending};

    fn ok(items: impl IntoIterator<Item = u32>) -> Vec<Result<u32, BridgeError>> {
        items.into_iter().map(Ok).collect()
    }

    #[tokio::test]
    async fn a_pull_takes_what_is_ready_and_no_more_than_asked() {
        let pulled = Pulled::new(&Scope::new(), stream::iter(ok(0..5)));
        assert_eq!(pulled.next(3).await.unwrap(), [0, 1, 2]);
        assert_eq!(pulled.next(3).await.unwrap(), [3, 4]);
        assert!(pulled.next(3).await.unwrap().is_empty());
        assert!(pulled.next(3).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_error_comes_after_the_items_before_it() {
        let mut items = ok(0..2);
        items.push(Err(BridgeError::internal("broken")));
        let pulled = Pulled::new(&Scope::new(), stream::iter(items));
        assert_eq!(pulled.next(9).await.unwrap(), [0, 1]);
        assert_eq!(pulled.next(9).await.unwrap_err().message, "broken");
    }

    #[test]
    fn closing_ends_a_waiting_pull() {
        let pulled = Arc::new(Pulled::new(&Scope::new(), stream::pending::<Result<u32, BridgeError>>()));
        let waiting = pulled.clone();
        let pull = start_pending(pulled.scope(), async move { waiting.next(1).await }).unwrap();
        pulled.close();
        assert_eq!(pull.wait(Duration::from_secs(10)).unwrap().unwrap_err().kind, Kind::Closed);
    }

    #[tokio::test]
    async fn closing_lets_go_of_the_source_even_while_it_is_being_read() {
        let (sender, source) = tokio::sync::mpsc::channel::<Result<u32, BridgeError>>(1);
        let pulled = Pulled::new(&Scope::new(), received(source));
        {
            let pull = pulled.scope().run(pulled.next(1));
            tokio::pin!(pull);
            assert!(futures::poll!(&mut pull).is_pending());
            pulled.close();
            assert_eq!(pull.await.unwrap_err().kind, Kind::Closed);
        }
        assert!(sender.is_closed());
    }

    fn received(
        source: tokio::sync::mpsc::Receiver<Result<u32, BridgeError>>,
    ) -> impl Stream<Item = Result<u32, BridgeError>> {
        stream::unfold(source, |mut source| async move { source.recv().await.map(|item| (item, source)) })
    }
}
