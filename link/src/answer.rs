//! The body of a response as it comes in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame};
use tokio_util::task::AbortOnDropHandle;

/// Data and trailers of a stream. Dropping it before its end cancels the stream.
pub(super) struct Answer {
    received: RecvStream,
    at: At,
    _open: Arc<()>,
    /// What still sends the request holds the stream open: it ends with the answer.
    _sending: Option<AbortOnDropHandle<()>>,
}

enum At {
    Data,
    Trailers,
    End,
}

impl Answer {
    pub(super) fn new(received: RecvStream, open: Arc<()>, sending: Option<AbortOnDropHandle<()>>) -> Self {
        Self { received, at: At::Data, _open: open, _sending: sending }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let answer = self.get_mut();
        if matches!(answer.at, At::Data) {
            match ready!(answer.received.poll_data(context)) {
                Some(Ok(data)) => {
                    // Who polls takes it now.
                    answer.received.flow_control().release_capacity(data.len())?;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(answer.failed(error)),
                None => answer.at = At::Trailers,
            }
        }
        if matches!(answer.at, At::Trailers) {
            let trailers = ready!(answer.received.poll_trailers(context));
            answer.at = At::End;
            return Poll::Ready(match trailers {
                Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
                Err(error) => answer.failed(error),
            });
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.at, At::End) || self.received.is_end_stream()
    }
}

impl Answer {
    /// A server that has answered may tell a client so that is still sending.
    fn failed(&mut self, error: h2::Error) -> Option<Result<Frame<Bytes>, h2::Error>> {
        self.at = At::End;
        (error.reason() != Some(Reason::NO_ERROR)).then_some(Err(error))
    }
}
