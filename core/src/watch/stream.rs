//! The user's end of a watch: one object with which several ranges can be watched at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use etcdkit_proto::etcdserverpb::WatchCreateRequest;
use futures::Stream;
use futures::future::poll_fn;
use tokio::time::timeout;

use super::buffer::Buffer;
use super::hub::WatchHub;
use super::subscription::Subscription;
use super::{WatchOptions, WatchResponse};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::namespace::Namespace;

/// A stream of changes. Dropping it ends its watches, at the server too.
#[derive(Debug)]
pub struct WatchStream {
    sender: WatchRequestSender,
    responses: WatchResponseStream,
}

/// The half of a [`WatchStream`] that adds and cancels watches.
#[derive(Clone)]
pub struct WatchRequestSender {
    core: Core,
    subscription: Arc<Subscription>,
}

/// The half of a [`WatchStream`] that delivers. Dropping it ends the watches.
pub struct WatchResponseStream {
    hub: Arc<WatchHub>,
    subscription: Arc<Subscription>,
    namespace: Option<Namespace>,
}

impl WatchStream {
    pub(super) async fn open(core: Core, mut request: WatchCreateRequest) -> Result<Self> {
        core.enter(&mut request)?;
        let namespace = core.namespace().cloned();
        let hub = core.watches().clone();
        let subscription = Arc::new(Subscription::default());
        let limit = core.timeout();
        let created = hub.add(&core, &subscription, request)?;
        let responses = WatchResponseStream { hub, subscription: subscription.clone(), namespace };
        let created =
            async { created.await.unwrap_or_else(|_| Err(Error::Internal("the watch task ended".into()))) };
        match limit {
            None => created.await?,
            Some(limit) => match timeout(limit, created).await {
                Ok(outcome) => outcome?,
                Err(_) => return Err(responses.hub.last_failure(limit)),
            },
        }
        Ok(Self { sender: WatchRequestSender { core, subscription }, responses })
    }

    /// The next message. `None` when no watch of this stream is left.
    ///
    /// Cancel-safe: dropping the future loses nothing.
    pub async fn message(&mut self) -> Result<Option<WatchResponse>> {
        self.responses.message().await
    }

    /// Watches another range over the same stream. A message tells when it is created, or why it could not be.
    pub async fn watch(&mut self, key: impl Into<Vec<u8>>, options: Option<WatchOptions>) -> Result<()> {
        self.sender.watch(key, options).await
    }

    /// Ends one watch. A message confirms it. An unknown id is ignored, as the server does.
    pub async fn cancel(&mut self, watch_id: i64) -> Result<()> {
        self.sender.cancel(watch_id).await
    }

    /// Asks up to which revision everything has been delivered. A message with watch id -1 answers.
    pub async fn request_progress(&mut self) -> Result<()> {
        self.sender.request_progress().await
    }

    /// Takes the stream apart, for use in two places.
    pub fn split(self) -> (WatchRequestSender, WatchResponseStream) {
        (self.sender, self.responses)
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchResponse>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().responses.poll_message(context)
    }
}

impl WatchRequestSender {
    /// Watches another range over the same stream; see [`WatchStream::watch`].
    pub async fn watch(&mut self, key: impl Into<Vec<u8>>, options: Option<WatchOptions>) -> Result<()> {
        let mut request = options.unwrap_or_default().request(key.into());
        self.core.enter(&mut request)?;
        // The outcome is told by a message, so nobody waits for it here.
        self.core.watches().add_untold(&self.core, &self.subscription, request)
    }

    /// Ends one watch; see [`WatchStream::cancel`].
    pub async fn cancel(&mut self, watch_id: i64) -> Result<()> {
        self.core.watches().cancel(&self.subscription, watch_id);
        Ok(())
    }

    /// Asks for progress; see [`WatchStream::request_progress`].
    pub async fn request_progress(&mut self) -> Result<()> {
        self.core.watches().request_progress(&self.core, &self.subscription);
        Ok(())
    }
}

impl WatchResponseStream {
    /// The next message; see [`WatchStream::message`].
    pub async fn message(&mut self) -> Result<Option<WatchResponse>> {
        poll_fn(|context| self.poll_message(context)).await.transpose()
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<WatchResponse>>> {
        let mut polled = self.buffer().poll_next(context);
        if let (Some(namespace), Poll::Ready(Some(Ok(response)))) = (&self.namespace, &mut polled) {
            response.events.iter_mut().for_each(|event| event.leave(namespace));
        }
        if polled.is_ready() && self.buffer().has_room() {
            self.hub.resume_paused(&self.subscription);
        }
        polled
    }

    fn buffer(&self) -> &Buffer {
        &self.subscription.buffer
    }
}

impl Stream for WatchResponseStream {
    type Item = Result<WatchResponse>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(context)
    }
}

impl Drop for WatchResponseStream {
    fn drop(&mut self) {
        self.hub.abandon(&self.subscription);
    }
}

impl std::fmt::Debug for WatchRequestSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchRequestSender")
    }
}

impl std::fmt::Debug for WatchResponseStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchResponseStream")
    }
}
