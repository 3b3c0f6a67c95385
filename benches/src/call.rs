//! The leanest gRPC client: requests are encoded once, answers are taken as bytes. What the generator
//! spends on a call is lost to the server beside it on the same machine.

use bytes::{Buf, BufMut, Bytes};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

/// Passes messages through as bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Connection {
    grpc: tonic::client::Grpc<Channel>,
}

impl Connection {
    pub(crate) async fn open(endpoint: &str) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(64 << 20)
            .tcp_nodelay(true)
            .connect()
            .await?;
        Ok(Self { grpc: tonic::client::Grpc::new(channel).max_decoding_message_size(1 << 30) })
    }

    pub(crate) async fn unary(&mut self, path: &'static str, request: Bytes) -> Result<Bytes, Status> {
        self.ready().await?;
        let response =
            self.grpc.unary(tonic::Request::new(request), PathAndQuery::from_static(path), RawCodec).await?;
        Ok(response.into_inner())
    }

    pub(crate) async fn streaming(
        &mut self,
        path: &'static str,
        requests: impl tokio_stream::Stream<Item = Bytes> + Send + 'static,
    ) -> Result<tonic::Streaming<Bytes>, Status> {
        self.ready().await?;
        let response = self
            .grpc
            .streaming(tonic::Request::new(requests), PathAndQuery::from_static(path), RawCodec)
            .await?;
        Ok(response.into_inner())
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))
    }
}
