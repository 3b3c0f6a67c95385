//! HTTP/2 and gRPC as a load generator speaks them: frames written into one buffer and counted as they come back.
//!
//! Generator and server share the machine, so what a call costs here is missing there. A client library spends more
//! on a put than the server does; this spends a few microseconds, and the same ones on every server.
//!
//! What makes it so small: the header block of a request is the same bytes each time; the server is told to keep no
//! header table, so that blocks that arrive need not be decoded to keep one in step; a unary call that fails carries no
//! message, so success can be seen without looking into the trailers.

use anyhow::{bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;
/// Compression flag and length, before every gRPC message.
const MESSAGE_HEAD_BYTES: usize = 5;
/// What a peer may send in one frame unless it is allowed more.
const FRAME_BYTES_MAX: usize = 16_384;
/// What may be sent before the first update of a window.
const WINDOW_BYTES: i64 = 65_535;
/// What the server may send on a stream and on a connection; far above what is in flight here.
const RECEIVE_WINDOW_BYTES: u32 = 1 << 30;
/// What is read at once; a few hundred answers.
const READ_BYTES: usize = 64 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// The code of a reset that is no failure.
const NO_ERROR: [u8; 4] = [0; 4];

const SETTING_HEADER_TABLE_SIZE: u16 = 1;
const SETTING_ENABLE_PUSH: u16 = 2;
const SETTING_INITIAL_WINDOW_SIZE: u16 = 4;

/// A connection on which unary calls of one method are made.
pub(crate) struct Calls {
    stream: TcpStream,
    /// The header block of every request.
    head: Vec<u8>,
    output: Vec<u8>,
    input: Vec<u8>,
    next_stream: u32,
    /// What the server still takes on the connection.
    send_window: i64,
    /// What the server sent since its window was last widened.
    received: u32,
    /// Calls in progress; as few as are in flight, so a scan finds one fastest.
    open: Vec<Call>,
}

/// A call in progress.
struct Call {
    stream: u32,
    /// What the caller knows it by.
    tag: usize,
    message_bytes: usize,
}

impl Calls {
    /// Connects to `authority` (host and port) for calls of `path`.
    pub(crate) async fn open(authority: &str, path: &str) -> anyhow::Result<Calls> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let mut calls = Calls {
            stream,
            head: header_block(authority, path),
            output: PREFACE.to_vec(),
            input: Vec::with_capacity(READ_BYTES),
            next_stream: 1,
            send_window: WINDOW_BYTES,
            received: 0,
            open: Vec::new(),
        };
        let settings = [
            (SETTING_HEADER_TABLE_SIZE, 0),
            (SETTING_ENABLE_PUSH, 0),
            (SETTING_INITIAL_WINDOW_SIZE, RECEIVE_WINDOW_BYTES),
        ];
        frame_head(&mut calls.output, settings.len() * 6, SETTINGS, 0, 0);
        for (name, value) in settings {
            calls.output.extend_from_slice(&name.to_be_bytes());
            calls.output.extend_from_slice(&value.to_be_bytes());
        }
        widen(&mut calls.output, RECEIVE_WINDOW_BYTES);
        Ok(calls)
    }

    /// Whether a request of `bytes` may be written now.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.send_window >= (bytes + MESSAGE_HEAD_BYTES) as i64
    }

    /// Adds a call to what is sent next.
    pub(crate) fn call(&mut self, tag: usize, request: &[u8]) -> anyhow::Result<()> {
        let bytes = request.len() + MESSAGE_HEAD_BYTES;
        ensure!(bytes <= FRAME_BYTES_MAX, "a request of {bytes} bytes does not fit into a frame");
        let stream = self.next_stream;
        self.next_stream += 2;
        frame_head(&mut self.output, self.head.len(), HEADERS, END_HEADERS, stream);
        self.output.extend_from_slice(&self.head);
        frame_head(&mut self.output, bytes, DATA, END_STREAM, stream);
        self.output.push(0);
        self.output.extend_from_slice(&u32::try_from(request.len())?.to_be_bytes());
        self.output.extend_from_slice(request);
        self.send_window -= bytes as i64;
        self.open.push(Call { stream, tag, message_bytes: 0 });
        Ok(())
    }

    /// Sends what was added, waits for something, and appends the tags of the calls that have been answered.
    pub(crate) async fn exchange(&mut self, answered: &mut Vec<usize>) -> anyhow::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.output.clear();
        }
        self.input.reserve(READ_BYTES);
        ensure!(self.stream.read_buf(&mut self.input).await? > 0, "the server closed the connection");
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while let Some((frame, behind)) = split_frame(rest) {
            self.take(&frame, answered)?;
            rest = behind;
        }
        let used = input.len() - rest.len();
        self.input = input;
        self.input.drain(..used);
        if self.received > RECEIVE_WINDOW_BYTES / 2 {
            widen(&mut self.output, self.received);
            self.received = 0;
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame<'_>, answered: &mut Vec<usize>) -> anyhow::Result<()> {
        match frame.kind {
            DATA => {
                self.received += u32::try_from(frame.payload.len())?;
                self.call_of(frame)?.message_bytes += frame.payload.len();
            }
            HEADERS if frame.flags & END_STREAM != 0 => {
                let call = self.call_of(frame)?;
                if call.message_bytes < MESSAGE_HEAD_BYTES {
                    bail!("a call failed: {}", String::from_utf8_lossy(frame.payload));
                }
                let stream = call.stream;
                if let Some(at) = self.open.iter().position(|call| call.stream == stream) {
                    answered.push(self.open.swap_remove(at).tag);
                }
            }
            SETTINGS if frame.flags & ACK == 0 => frame_head(&mut self.output, 0, SETTINGS, ACK, 0),
            PING if frame.flags & ACK == 0 => {
                frame_head(&mut self.output, frame.payload.len(), PING, ACK, 0);
                self.output.extend_from_slice(frame.payload);
            }
            WINDOW_UPDATE if frame.stream == 0 => {
                let bytes: [u8; 4] = frame.payload.try_into()?;
                self.send_window += i64::from(u32::from_be_bytes(bytes) & !(1 << 31));
            }
            // Go's server has this race: it has answered before it takes notice that the request was at its end. RFC 9113,
            // 8.1 has such an answer stand.
            RST_STREAM if frame.payload == NO_ERROR && self.call_of(frame).is_err() => {}
            RST_STREAM | GOAWAY => bail!("the server gave up: {:?}", String::from_utf8_lossy(frame.payload)),
            _ => {}
        }
        Ok(())
    }

    fn call_of(&mut self, frame: &Frame<'_>) -> anyhow::Result<&mut Call> {
        match self.open.iter_mut().find(|call| call.stream == frame.stream) {
            Some(call) => Ok(call),
            None => bail!("an answer on stream {}, where nothing was asked", frame.stream),
        }
    }
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

/// The first frame of `input`, when all of it is there, and what is behind it.
fn split_frame(input: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (head, rest) = input.split_first_chunk::<FRAME_HEAD_BYTES>()?;
    let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *head;
    let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
    let (payload, rest) = rest.split_at_checked(length)?;
    let stream = u32::from_be_bytes([s1, s2, s3, s4]) & !(1 << 31);
    Some((Frame { kind, flags, stream, payload }, rest))
}

fn frame_head(output: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    output.extend_from_slice(&(length as u32).to_be_bytes()[1..]);
    output.extend_from_slice(&[kind, flags]);
    output.extend_from_slice(&stream.to_be_bytes());
}

/// Lets the server send this much more on the connection.
fn widen(output: &mut Vec<u8>, bytes: u32) {
    frame_head(output, 4, WINDOW_UPDATE, 0, 0);
    output.extend_from_slice(&bytes.to_be_bytes());
}

/// The headers of a gRPC request (RFC 7541), with nothing that would enter a table.
fn header_block(authority: &str, path: &str) -> Vec<u8> {
    const METHOD_POST: u8 = 0x83;
    const SCHEME_HTTP: u8 = 0x86;
    const AUTHORITY: u8 = 1;
    const PATH: u8 = 4;
    const CONTENT_TYPE: [u8; 2] = [0x0f, 31 - 15];
    const NEW_NAME: u8 = 0;
    let mut block = vec![METHOD_POST, SCHEME_HTTP, PATH];
    string(&mut block, path);
    block.push(AUTHORITY);
    string(&mut block, authority);
    block.extend_from_slice(&CONTENT_TYPE);
    string(&mut block, "application/grpc");
    block.push(NEW_NAME);
    string(&mut block, "te");
    string(&mut block, "trailers");
    block
}

/// A string as it is; its length must fit seven bits, as all of ours do.
fn string(block: &mut Vec<u8>, text: &str) {
    debug_assert!(text.len() < 127);
    block.push(text.len() as u8);
    block.extend_from_slice(text.as_bytes());
}
