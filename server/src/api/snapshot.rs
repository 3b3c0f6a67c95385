//! Snapshots: the whole store as a stream, closed by a digest of it.
//!
//! A client that saves the stream to a file gets what `etcdctl snapshot save` expects: the data, filled up to a multiple
//! of 512 bytes, and 32 bytes of SHA-256 behind it.

use std::io::{Error, Write};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use etcdkit_proto::etcdserverpb::SnapshotResponse;
use futures::Stream;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::version::STORAGE_VERSION;
use crate::backend::{Backend, BackendError};

/// Bytes in one message, as in etcd.
const CHUNK_BYTES: usize = 32 * 1024;

/// Messages that wait for the connection: a megabyte.
const CHUNKS_MAX: usize = 32;

/// By its length, which is 32 above a multiple of this, a client tells that a saved snapshot has a digest.
const BLOCK_BYTES: usize = 512;

/// How long a client may take for one message. One that takes longer holds up defragmentation, and with the engines
/// that have no snapshots also flushes, so it is given up.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

type Message = Result<SnapshotResponse, Status>;

/// Streams a snapshot of now.
pub(super) fn stream(backend: Backend) -> impl Stream<Item = Message> + Send + use<> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let chunks = Chunks {
        sender,
        runtime: Handle::current(),
        buffer: BytesMut::with_capacity(CHUNK_BYTES),
        digest: Sha256::new(),
        remaining_bytes: 0,
    };
    // Ends with the snapshot, or soon after the client has gone.
    tokio::task::spawn_blocking(move || write(&backend, chunks));
    ReceiverStream::new(receiver)
}

fn write(backend: &Backend, chunks: Chunks) {
    let _timer = backend.metrics().disk.snapshot.start_timer();
    let sender = chunks.sender.clone();
    let written = backend.export_to(|bytes| chunks.of(bytes)).and_then(|chunks| {
        let cannot = |error: Error| BackendError::Copy(error.to_string());
        chunks.finish().map_err(cannot)
    });
    if let Err(error) = written {
        tracing::warn!(%error, "a snapshot was not finished");
        // Fails when the client has gone, and then nobody needs to know.
        let _ = sender.blocking_send(Err(Status::internal(format!("etcdserver: {error}"))));
    }
}

/// Cuts what is written into messages.
struct Chunks {
    sender: mpsc::Sender<Message>,
    runtime: Handle,
    buffer: BytesMut,
    digest: Sha256,
    /// Of the data, after what has been sent.
    remaining_bytes: u64,
}

impl Chunks {
    fn of(mut self, bytes: u64) -> Self {
        tracing::info!(bytes, "sending a snapshot");
        self.remaining_bytes = bytes.next_multiple_of(BLOCK_BYTES as u64);
        self
    }

    fn send(&mut self, blob: Bytes) -> Result<(), Error> {
        let message = SnapshotResponse {
            header: None,
            remaining_bytes: self.remaining_bytes,
            blob,
            version: STORAGE_VERSION.to_owned(),
        };
        let sent = tokio::time::timeout(CHUNK_TIMEOUT, self.sender.send(Ok(message)));
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Error::other("the client went away")),
            Err(_elapsed) => Err(Error::other("the client took too long")),
        }
    }

    fn send_data(&mut self) -> Result<(), Error> {
        let data = self.buffer.split().freeze();
        self.buffer.reserve(CHUNK_BYTES);
        self.digest.update(&data);
        self.remaining_bytes = self.remaining_bytes.saturating_sub(data.len() as u64);
        self.send(data)
    }

    fn finish(mut self) -> Result<(), Error> {
        // Every message before was a whole number of blocks.
        let filled = self.buffer.len().next_multiple_of(BLOCK_BYTES);
        self.buffer.resize(filled, 0);
        if !self.buffer.is_empty() {
            self.send_data()?;
        }
        let digest = Bytes::copy_from_slice(&self.digest.finalize_reset());
        self.send(digest)
    }
}

impl Write for Chunks {
    fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        let room = CHUNK_BYTES - self.buffer.len();
        let taken = &data[..data.len().min(room)];
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == CHUNK_BYTES {
            self.send_data()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
