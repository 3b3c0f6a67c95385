//! A stream of answers to one request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use tonic::{Status, Streaming};

use crate::namespace::{Keys, Namespace};

/// Answers as they come, with their keys taken out of the namespace of the call.
#[derive(Debug)]
pub(crate) struct Answers<R> {
    stream: Streaming<R>,
    namespace: Option<Namespace>,
}

impl<R: Keys> Answers<R> {
    pub(crate) fn new(stream: Streaming<R>, namespace: Option<Namespace>) -> Self {
        Self { stream, namespace }
    }

    /// The next answer, or `None` at the end.
    pub(crate) async fn message(&mut self) -> Result<Option<R>, Status> {
        Ok(self.stream.message().await?.map(|answer| leave(answer, self.namespace.as_ref())))
    }
}

impl<R: Keys> Stream for Answers<R> {
    type Item = Result<R, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let answers = self.get_mut();
        let next = ready!(Pin::new(&mut answers.stream).poll_next(context));
        Poll::Ready(next.map(|answer| answer.map(|answer| leave(answer, answers.namespace.as_ref()))))
    }
}

fn leave<R: Keys>(mut answer: R, namespace: Option<&Namespace>) -> R {
    if let Some(namespace) = namespace {
        answer.leave(namespace);
    }
    answer
}
