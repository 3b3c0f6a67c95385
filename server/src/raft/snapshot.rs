//! A snapshot on its way between two members, in pieces.
//!
//! The sender exports as fast as the receiver takes: a few pieces wait in between, and never the whole, however large
//! it is. Each piece says where it belongs and has a checksum, the whole has one of its own, and nothing is taken over
//! before all of it is on disk.

use std::io::{Error, ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::messages::{ballot, ballot_of};
use super::state_machine::{SnapshotContents, snapshot_meta};
use super::{RaftNode, Snapshot, Vote};
use crate::apply::Snapshots;
use crate::fail_point;
use crate::transport::wire::{SnapshotPiece, SnapshotResponse};

/// Bytes of a piece: large enough that its overhead does not count, small against what a connection has under way.
const PIECE_BYTES: usize = 256 << 10;

/// Pieces that wait between disk and network on either side.
const PIECES_WAITING_MAX: usize = 8;

/// Exports the state as a stream of pieces, from the moment that somebody takes them. A stream that ends without a last
/// piece was cut off.
pub(super) fn pieces(
    vote: &Vote,
    to: u64,
    snapshots: Arc<dyn Snapshots>,
) -> impl Stream<Item = SnapshotPiece> + Send + use<> {
    let first = SnapshotPiece { ballot: Some(ballot(vote)), ..Default::default() };
    futures::stream::once(async move { begin(first, to, snapshots) }).flatten()
}

fn begin(first: SnapshotPiece, to: u64, snapshots: Arc<dyn Snapshots>) -> ReceiverStream<SnapshotPiece> {
    tracing::info!(to = format!("{to:x}"), "sending a snapshot: the log that the member lacks is gone");
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let mut out = PieceWriter { sender, filled: BytesMut::new(), offset: 0 };
        let exported = out.push(first).and_then(|()| {
            snapshots.export(&mut out).map_err(Error::other)?;
            out.finish()
        });
        if let Err(error) = exported {
            tracing::warn!(%error, "a snapshot was not sent to its end");
        }
    });
    ReceiverStream::new(receiver)
}

struct PieceWriter {
    sender: mpsc::Sender<SnapshotPiece>,
    filled: BytesMut,
    offset: u64,
}

impl PieceWriter {
    fn push(&mut self, piece: SnapshotPiece) -> std::io::Result<()> {
        let gone = |_| Error::new(ErrorKind::BrokenPipe, "the receiver takes no more");
        self.sender.blocking_send(piece).map_err(gone)
    }

    fn push_data(&mut self, last: bool) -> std::io::Result<()> {
        fail_point::pass("snapshotPieceSent");
        let data = self.filled.split().freeze();
        let offset = self.offset;
        self.offset += data.len() as u64;
        self.push(SnapshotPiece { ballot: None, checksum: crc32c::crc32c(&data), data, offset, last })
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.push_data(true)
    }
}

impl Write for PieceWriter {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let taken = data.len().min(PIECE_BYTES - self.filled.len());
        self.filled.extend_from_slice(&data[..taken]);
        if self.filled.len() == PIECE_BYTES {
            self.push_data(false)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct PieceReader {
    receiver: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for PieceReader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(data) => self.rest = data,
                None => return Ok(0),
            }
        }
        let taken = out.len().min(self.rest.len());
        out[..taken].copy_from_slice(&self.rest.split_to(taken));
        Ok(taken)
    }
}

impl RaftNode {
    /// A leader sends its state, because the log that this member lacks is gone.
    pub(crate) fn receive_snapshot(
        &self,
        pieces: Streaming<SnapshotPiece>,
    ) -> impl Stream<Item = Result<SnapshotResponse, Status>> + Send + use<> {
        let node = self.clone();
        async move { node.take_over(pieces).await }.into_stream().boxed()
    }

    async fn take_over(self, mut pieces: Streaming<SnapshotPiece>) -> Result<SnapshotResponse, Status> {
        let first =
            pieces.message().await?.ok_or_else(|| Status::invalid_argument("a snapshot without pieces"))?;
        let vote = ballot_of(first.ballot).map_err(Status::invalid_argument)?;
        // A leader that has lost its office may still be sending when the next one begins.
        let Ok(_only) = self.receiving.try_lock() else {
            return Err(Status::unavailable("another snapshot is being received"));
        };
        fail_point::pass("raftBeforeSaveSnap");
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        let snapshots = self.snapshots.clone();
        let importing = tokio::task::spawn_blocking(move || {
            snapshots.receive(&mut PieceReader { receiver, rest: Bytes::new() })
        });
        let passed_on = pass_on(&mut pieces, sender).await;
        let received = importing.await.map_err(|error| Status::internal(error.to_string()))?;
        passed_on?;
        let received = received.map_err(|error| Status::unavailable(error.to_string()))?;
        fail_point::pass("raftAfterSaveSnap");
        let meta =
            snapshot_meta(&received.progress).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let snapshot = Snapshot { meta, snapshot: SnapshotContents::Received(received) };
        let installed = self.raft.install_full_snapshot(vote, snapshot).await;
        let response = installed.map_err(|fatal| Status::unavailable(fatal.to_string()))?;
        Ok(SnapshotResponse { ballot: Some(ballot(&response.vote)) })
    }
}

/// Checks the pieces and passes their data on to the one who reads. Ends early when that one has ended, who then says
/// why.
async fn pass_on(pieces: &mut Streaming<SnapshotPiece>, sender: mpsc::Sender<Bytes>) -> Result<(), Status> {
    let mut expected = 0;
    loop {
        let piece = pieces.message().await?;
        let piece = piece.ok_or_else(|| Status::aborted("the snapshot was cut off"))?;
        if piece.offset != expected {
            let what = format!("a piece of the snapshot begins at {}, not at {expected}", piece.offset);
            return Err(Status::data_loss(what));
        }
        if crc32c::crc32c(&piece.data) != piece.checksum {
            return Err(Status::data_loss("a piece of the snapshot is damaged"));
        }
        fail_point::pass("snapshotPieceReceived");
        expected += piece.data.len() as u64;
        if sender.send(piece.data).await.is_err() || piece.last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::apply::{ApplyError, Received};
    use crate::raft::LeaderId;
    use openraft::vote::RaftLeaderId;

    struct Zeros(usize);

    impl Snapshots for Zeros {
        fn export(&self, out: &mut dyn Write) -> Result<(), ApplyError> {
            out.write_all(&vec![0; self.0]).map_err(|error| ApplyError(error.to_string()))
        }

        fn receive(&self, _source: &mut dyn Read) -> Result<Received, ApplyError> {
            Err(ApplyError("not here".to_owned()))
        }
    }

    #[tokio::test]
    async fn a_snapshot_comes_in_pieces_that_say_where_they_belong() {
        let vote = Vote { leader_id: LeaderId::new(3, 7), committed: true };
        let sent: Vec<SnapshotPiece> = pieces(&vote, 9, Arc::new(Zeros(2 * PIECE_BYTES + 1))).collect().await;
        assert_eq!(sent[0].ballot.map(|ballot| (ballot.term, ballot.voted_for)), Some((3, 7)));
        let offsets: Vec<_> = sent[1..].iter().map(|piece| (piece.offset as usize, piece.last)).collect();
        assert_eq!(offsets, [(0, false), (PIECE_BYTES, false), (2 * PIECE_BYTES, true)]);
        assert!(sent[1..].iter().all(|piece| crc32c::crc32c(&piece.data) == piece.checksum));
    }
}
