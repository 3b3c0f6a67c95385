//! Messages on their way between a stream and Rust.
//!
//! A decoded `Bytes` field is a slice of the buffer it was decoded from, and a value lives as long as the
//! longest of its slices. Decoding straight from the connection's read buffer would let a stored key of
//! ten bytes keep kilobytes alive, so every message is first copied into an allocation of its own size.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::parts;
use crate::metrics::StreamCounters;
use crate::span::Span;

/// First capacity of the buffers of a stream, bytes. Most messages of the streams are keep-alives and
/// single events; tonic's own 8 KiB for each direction would be the largest part of an idle watch stream.
const BUFFER_BYTES: usize = 1024;

/// Encoded messages are handed to the connection when this many bytes have gathered, as tonic does.
const YIELD_BYTES: usize = 32 * 1024;

/// Something that can be written as one message of a stream.
pub(crate) trait Outgoing: Send + 'static {
    /// Appends the encoded message.
    fn write(self, buffer: &mut EncodeBuf<'_>);
}

impl<M: Message + 'static> Outgoing for M {
    fn write(self, buffer: &mut EncodeBuf<'_>) {
        self.encode(buffer).expect("invariant: an encode buffer grows as needed");
    }
}

/// Decodes one message from an allocation of its own.
pub(crate) fn decode<M: Message + Default>(message: &[u8]) -> Result<M, Status> {
    M::decode(Bytes::copy_from_slice(message))
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))
}

/// Codec of a stream that sends `E` and receives `D`.
pub(crate) struct StreamCodec<E, D> {
    counters: StreamCounters,
    /// Where somebody follows the call: told of each request that comes.
    span: Option<Arc<dyn Span>>,
    messages: PhantomData<(E, D)>,
}

impl<E, D> StreamCodec<E, D> {
    /// Counts what passes.
    pub(crate) fn new(counters: StreamCounters, span: Option<Arc<dyn Span>>) -> Self {
        StreamCodec { counters, span, messages: PhantomData }
    }
}

impl<E: Outgoing, D: Message + Default + Send + 'static> Codec for StreamCodec<E, D> {
    type Encode = E;
    type Decode = D;
    type Encoder = StreamCodec<E, D>;
    type Decoder = StreamCodec<E, D>;

    fn encoder(&mut self) -> Self::Encoder {
        StreamCodec::new(self.counters.clone(), self.span.clone())
    }

    fn decoder(&mut self) -> Self::Decoder {
        StreamCodec::new(self.counters.clone(), self.span.clone())
    }
}

impl<E: Outgoing, D> Encoder for StreamCodec<E, D> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, item: E, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let room = buffer.remaining_mut();
        item.write(buffer);
        self.counters.sent(room - buffer.remaining_mut());
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}

impl<E, D: Message + Default + 'static> Decoder for StreamCodec<E, D> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        let length = buffer.remaining();
        let message = buffer.copy_to_bytes(length);
        self.counters.received(length);
        let request: D = decode(&message)?;
        if let Some(span) = &self.span {
            drop(parts::begin(span.as_ref(), &request));
        }
        Ok(Some(request))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}
