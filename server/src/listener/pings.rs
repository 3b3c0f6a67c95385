//! Keeps clients from pinging too often, in grpc-go's way: a client that does is told `too_many_pings` and disconnected.
//!
//! The HTTP/2 library answers pings by itself and tells nobody, so this stands between it and the connection, and reads
//! the header of each frame that passes: nine bytes, of which the fourth is the kind.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Pings that may come too early one after the other, as in grpc-go.
const STRIKES_MAX: u32 = 2;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PING: u8 = 6;
const ACK: u8 = 1;

/// A GOAWAY frame: every stream was seen, ENHANCE_YOUR_CALM, and why.
const GO_AWAY: &[u8] = b"\x00\x00\x16\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x0btoo_many_pings";

/// Finds the headers of frames in a stream of bytes.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; HEADER_BYTES],
    filled: usize,
    /// Bytes left of the present frame.
    rest: usize,
}

impl Frames {
    /// Calls `each` with kind and flags of every frame that begins in `bytes`.
    fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(u8, u8)) {
        loop {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (HEADER_BYTES - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled < HEADER_BYTES {
                return;
            }
            let [high, middle, low, kind, flags, ..] = self.header;
            self.filled = 0;
            self.rest = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            each(kind, flags);
        }
    }

    fn is_between(&self) -> bool {
        self.filled == 0 && self.rest == 0
    }
}

/// How the bytes that come are to be read.
#[derive(Debug)]
enum Incoming {
    /// So many bytes of the preface have come.
    Preface(usize),
    Frames(Frames),
    /// It is not HTTP/2.
    Other,
}

/// A connection whose pings are counted.
#[derive(Debug)]
pub(super) struct Pings<S> {
    stream: S,
    interval_min: Duration,
    incoming: Incoming,
    outgoing: Frames,
    last: Option<Instant>,
    strikes: u32,
    /// Something was answered since the last ping, which makes up for it.
    answered: bool,
}

impl<S> Pings<S> {
    pub(super) fn watched(stream: S, interval_min: Duration) -> Self {
        Pings {
            stream,
            interval_min,
            incoming: Incoming::Preface(0),
            outgoing: Frames::default(),
            last: None,
            strikes: 0,
            answered: false,
        }
    }

    /// Looks at what has come; true when the client has to go.
    fn look(&mut self, mut bytes: &[u8]) -> bool {
        if let Incoming::Preface(seen) = self.incoming {
            let length = (PREFACE.len() - seen).min(bytes.len());
            let (start, rest) = bytes.split_at(length);
            self.incoming = if start != &PREFACE[seen..seen + length] {
                Incoming::Other
            } else if seen + length < PREFACE.len() {
                Incoming::Preface(seen + length)
            } else {
                Incoming::Frames(Frames::default())
            };
            bytes = rest;
        }
        let mut pings = 0;
        if let Incoming::Frames(frames) = &mut self.incoming {
            frames.pass(bytes, |kind, flags| pings += u32::from(kind == PING && flags & ACK == 0));
        }
        (0..pings).any(|_| self.strikes_out(Instant::now()))
    }

    fn strikes_out(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        if std::mem::take(&mut self.answered) {
            self.strikes = 0;
            return false;
        }
        let too_early = last.is_some_and(|last| now.duration_since(last) < self.interval_min);
        self.strikes += u32::from(too_early);
        self.strikes > STRIKES_MAX
    }

    fn sent(&mut self, bytes: &[u8]) {
        if matches!(self.incoming, Incoming::Other) {
            return;
        }
        let answered = &mut self.answered;
        self.outgoing.pass(bytes, |kind, _| *answered |= matches!(kind, DATA | HEADERS));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Pings<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if matches!(outcome, Poll::Ready(Ok(()))) && self.look(&buffer.filled()[before..]) {
            tracing::warn!("a client pings too often and is disconnected");
            if self.outgoing.is_between() {
                // As far as it goes without waiting: whoever does not read need not be told.
                let _ = Pin::new(&mut self.stream).poll_write(context, GO_AWAY);
                let _ = Pin::new(&mut self.stream).poll_flush(context);
            }
            return Poll::Ready(Err(io::Error::other("too_many_pings")));
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pings<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = outcome {
            self.sent(&bytes[..count]);
        }
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        if let Poll::Ready(Ok(count)) = outcome {
            let mut left = count;
            for part in parts {
                let length = part.len().min(left);
                self.sent(&part[..length]);
                left -= length;
            }
        }
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING_FRAME: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    const HEADERS_FRAME: &[u8] = b"\0\0\x01\x01\x04\0\0\0\x01x";

    fn guard() -> Pings<()> {
        let mut pings = Pings::watched((), Duration::from_secs(5));
        assert!(!pings.look(PREFACE));
        pings
    }

    #[test]
    fn the_fourth_ping_in_a_row_is_one_too_many_however_it_is_cut() {
        let mut pings = guard();
        let all = PING_FRAME.repeat(3);
        for byte in all.chunks(1) {
            assert!(!pings.look(byte));
        }
        assert!(!pings.look(&PING_FRAME[..8]));
        assert!(pings.look(&PING_FRAME[8..]));
    }

    #[test]
    fn an_answer_makes_up_for_a_ping() {
        let mut pings = guard();
        for _ in 0..20 {
            assert!(!pings.look(PING_FRAME));
            pings.sent(HEADERS_FRAME);
        }
    }

    #[test]
    fn answers_to_pings_are_no_pings() {
        let mut pings = guard();
        let ack = [b"\0\0\x08\x06\x01\0\0\0\0".as_slice(), b"abcdefgh"].concat();
        assert!(!pings.look(&ack.repeat(20)));
    }

    #[test]
    fn another_protocol_is_left_alone() {
        let mut pings = Pings::watched((), Duration::from_secs(5));
        assert!(!pings.look(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(!pings.look(&PING_FRAME.repeat(20)));
    }
}
