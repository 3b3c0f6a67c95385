//! Connections from within the process, for programs that embed a server and want no port.
//!
//! A connection is a pair of buffers; what runs over it is the same HTTP/2 that runs over a socket, so nothing else
//! of the server knows the difference.

use std::io;

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// Bytes on their way in each direction of a connection: a few HTTP/2 frames, so that neither side waits for the
/// other after each of them.
const BUFFER_BYTES: usize = 256 << 10;

/// Connections opened and not yet accepted. A client shares one connection, so more than a few never wait.
const BACKLOG_MAX: usize = 64;

/// Opens connections to a server of the same process; see [`Server::in_process`](crate::Server::in_process).
///
/// Cheap to clone; may be used from any runtime and by any number of clients.
#[derive(Clone, Debug)]
pub struct InProcess {
    backlog: mpsc::Sender<DuplexStream>,
}

/// The server's end: connections that wait to be accepted.
pub(crate) struct Backlog {
    opened: mpsc::Receiver<DuplexStream>,
}

pub(crate) fn pair() -> (InProcess, Backlog) {
    let (backlog, opened) = mpsc::channel(BACKLOG_MAX);
    (InProcess { backlog }, Backlog { opened })
}

impl InProcess {
    /// Opens a connection that speaks HTTP/2, as one to the server's port would.
    ///
    /// Fails with [`io::ErrorKind::ConnectionRefused`] once the server has stopped. A server started anew has a
    /// connector of its own.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(BUFFER_BYTES);
        match self.backlog.send(far).await {
            Ok(()) => Ok(near),
            Err(_closed) => {
                let text = "the server in this process has stopped";
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, text))
            }
        }
    }
}

impl Backlog {
    /// The next connection; `None` when nobody can open one any more.
    pub(crate) async fn accept(&mut self) -> Option<DuplexStream> {
        self.opened.recv().await
    }
}
