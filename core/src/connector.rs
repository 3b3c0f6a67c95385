//! Connections that are not made by dialling an address: to a server in the same process, through a proxy, in a test.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::Service;

/// Opens the byte streams of a client's connections.
///
/// It is asked for a new stream whenever the client needs a connection: at the first call, and after a connection
/// broke. Cheap to clone.
///
/// ```no_run
/// # async fn example() -> etcdkit::Result<()> {
/// use etcdkit::{Client, Connector};
/// let connector = Connector::new(|_endpoint| tokio::net::TcpStream::connect("127.0.0.1:2379"));
/// let client = Client::connect_through(connector, None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connector {
    open: Arc<Open>,
}

type Open = dyn Fn(Uri) -> BoxFuture<'static, io::Result<Connection>> + Send + Sync;

impl Connector {
    /// A connector that opens streams with this function, which is given the endpoint's URI.
    ///
    /// An error means that nothing has been sent: the call is tried again while its time lasts.
    pub fn new<F, Fut, S>(open: F) -> Self
    where
        F: Fn(Uri) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let open = move |uri| -> BoxFuture<'static, io::Result<Connection>> {
            let opening = open(uri);
            Box::pin(async move { Ok(Connection::new(opening.await?)) })
        };
        Self { open: Arc::new(open) }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Connection>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = (self.open)(uri);
        Box::pin(async move { Ok(TokioIo::new(opening.await?)) })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// Pieces of a write that are joined, in bytes; what is beyond is for the next write.
const JOINED_BYTES_MAX: usize = 16 << 10;

/// A stream of any kind.
pub struct Connection(Pin<Box<dyn Stream>>);

impl Connection {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A write of several pieces to a connection that the other side has closed raises SIGPIPE, which the runtime's
        // threads block; on the thread of a caller it could end the process. A write of one piece never raises it.
        if etcdkit_link::is_at_once() {
            return self.0.as_mut().poll_write(context, &joined(data));
        }
        self.0.as_mut().poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(context)
    }
}

/// The beginning of what the pieces have together.
fn joined(pieces: &[io::IoSlice<'_>]) -> Vec<u8> {
    let mut joined = Vec::new();
    for piece in pieces {
        let room = JOINED_BYTES_MAX - joined.len();
        joined.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    joined
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use super::*;

    /// What was written, and how often in several pieces.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<(Vec<u8>, usize)>>);

    impl AsyncRead for Written {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Written {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            self.0.lock().unwrap().0.extend_from_slice(data);
            Poll::Ready(Ok(data.len()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            data: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.0.lock().unwrap().1 += 1;
            Poll::Ready(Ok(data.iter().map(|piece| piece.len()).sum()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn the_thread_of_a_caller_writes_in_one_piece() {
        let written = Written::default();
        let mut connection = Connection::new(written.clone());
        let mut nobody = Context::from_waker(Waker::noop());
        let large = vec![3; 2 * JOINED_BYTES_MAX];
        let pieces = [&b"a"[..], b"", b"bc", &large].map(io::IoSlice::new);
        let mut write = || Pin::new(&mut connection).poll_write_vectored(&mut nobody, &pieces);
        assert!(matches!(write(), Poll::Ready(Ok(all)) if all == 3 + large.len()));
        assert_eq!(written.0.lock().unwrap().1, 1);
        assert!(matches!(etcdkit_link::at_once(write), Poll::Ready(Ok(JOINED_BYTES_MAX))));
        let (joined, in_pieces) = written.0.lock().unwrap().clone();
        assert_eq!((&joined[..4], joined.len(), in_pieces), (&b"abc\x03"[..], JOINED_BYTES_MAX, 1));
    }
}
