//! Requests of one connection, run by the task that serves the connection.
//!
//! A task for each request costs two hand-overs between threads a call: to the request's task and back to the
//! connection's, which writes the answer. Most requests do little but wait for the log, so they may as well be
//! polled where their answers are written, and answers that are ready together leave in one write. What computes
//! for long must not stay there: [`elsewhere`] is for that.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::rt::Executor;
use parking_lot::Mutex;
use tonic::Status;

/// A request; it ends with what it panicked with, if it did.
type Stream = Pin<Box<dyn Future<Output = std::thread::Result<()>> + Send>>;

/// Takes the requests that a connection starts. As many as the connection's limit of streams lets in.
#[derive(Clone, Default)]
pub(crate) struct Streams {
    started: Arc<Mutex<Vec<Stream>>>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        // A panic must cost the one request, not all of the connection's.
        self.started.lock().push(Box::pin(AssertUnwindSafe(stream).catch_unwind()));
    }
}

impl Streams {
    /// The connection together with its requests. It ends with the connection; requests it leaves are dropped.
    pub(crate) fn of<C>(self, connection: Pin<&mut C>) -> Serving<'_, C> {
        Serving { connection, streams: self, running: FuturesUnordered::new() }
    }
}

/// A connection and its requests as one future.
pub(crate) struct Serving<'a, C> {
    connection: Pin<&'a mut C>,
    streams: Streams,
    running: FuturesUnordered<Stream>,
}

impl<C> Serving<'_, C> {
    pub(crate) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C: Future> Future for Serving<'_, C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<C::Output> {
        loop {
            // Requests first, so that what they answer is written by the same turn of the connection.
            while let Poll::Ready(Some(ended)) = self.running.poll_next_unpin(context) {
                if ended.is_err() {
                    tracing::error!("a request panicked");
                }
            }
            let polled = self.connection.as_mut().poll(context);
            let started = std::mem::take(&mut *self.streams.started.lock());
            if polled.is_ready() {
                // What began at the very end goes too: each holds the list that it stands in, and so would never be given
                // back.
                return polled;
            }
            if started.is_empty() {
                return Poll::Pending;
            }
            self.running.extend(started);
        }
    }
}

/// Runs what may compute for long in a task of its own, so that other requests of the connection go on.
///
/// # Errors
/// Those of the work, and an internal one if it panics.
pub(crate) async fn elsewhere<T: Send + 'static>(
    work: impl Future<Output = Result<T, Status>> + Send + 'static,
) -> Result<T, Status> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|_| Err(Status::internal("the request failed; see the log of the server")))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_request_that_panics_leaves_the_others() {
        let streams = Streams::default();
        let served = Arc::new(AtomicUsize::new(0));
        let (done, mut ended) = tokio::sync::mpsc::channel::<()>(1);
        for number in 0..3 {
            let (served, done) = (Arc::clone(&served), done.clone());
            streams.execute(async move {
                let _done = done;
                tokio::task::yield_now().await;
                assert_ne!(number, 1, "the request that panics");
                served.fetch_add(1, Ordering::Relaxed);
            });
        }
        drop(done);
        let connection = async move { ended.recv().await };
        tokio::pin!(connection);
        assert_eq!(streams.of(connection).await, None);
        assert_eq!(served.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn requests_started_while_others_run_are_served() {
        let streams = Streams::default();
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(1);
        let starting = streams.clone();
        let connection = async move {
            for number in 0..100 {
                let sender = sender.clone();
                starting.execute(async move { sender.send(number).await.expect("the connection receives") });
                assert_eq!(receiver.recv().await, Some(number));
            }
        };
        tokio::pin!(connection);
        streams.of(connection).await;
    }

    #[tokio::test]
    async fn a_request_that_begins_as_the_connection_ends_is_dropped() {
        let streams = Streams::default();
        let kept = Arc::new(());
        let (starting, of_request) = (streams.clone(), Arc::clone(&kept));
        let connection = async move {
            // As hyper's, it holds the executor.
            let executor = starting.clone();
            starting.execute(async move {
                let _held = (executor, of_request);
                std::future::pending().await
            });
        };
        tokio::pin!(connection);
        streams.of(connection.as_mut()).await;
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[tokio::test]
    async fn work_elsewhere_answers_with_its_error_or_tells_of_a_panic() {
        assert_eq!(elsewhere(async { Ok(1) }).await.expect("it answers"), 1);
        let refused = elsewhere(async { Err::<(), _>(Status::not_found("nothing")) }).await;
        assert_eq!(refused.expect_err("it is an error").message(), "nothing");
        let panicked = elsewhere(async { panic!("on purpose") as Result<(), Status> }).await;
        assert_eq!(panicked.expect_err("it is an error").code(), tonic::Code::Internal);
    }
}
