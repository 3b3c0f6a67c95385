//! The leanest gRPC client: requests are encoded once, answers are taken as bytes. What the generator
//! spends on a call is lost to the server beside it on the same machine.

use bytes::Bytes;
use etcdkit_proto::RawCodec;
use tonic::Status;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

/// What a caller needs to come in; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    /// Whom to trust, for servers with TLS.
    pub(crate) tls: Option<ClientTlsConfig>,
    /// Who asks, for servers with authentication on.
    pub(crate) token: Option<String>,
}

impl Guard {
    pub(crate) async fn channel(&self, endpoint: &str) -> anyhow::Result<Channel> {
        let mut endpoint = Endpoint::from_shared(endpoint.to_owned())?
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(64 << 20)
            .tcp_nodelay(true);
        if let Some(tls) = &self.tls {
            endpoint = endpoint.tls_config(tls.clone())?;
        }
        Ok(endpoint.connect().await?)
    }
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Connection {
    grpc: tonic::client::Grpc<Channel>,
    token: Option<AsciiMetadataValue>,
}

impl Connection {
    pub(crate) async fn open(endpoint: &str) -> anyhow::Result<Self> {
        Self::open_guarded(endpoint, &Guard::default()).await
    }

    pub(crate) async fn open_guarded(endpoint: &str, guard: &Guard) -> anyhow::Result<Self> {
        let grpc =
            tonic::client::Grpc::new(guard.channel(endpoint).await?).max_decoding_message_size(1 << 30);
        let token = guard.token.as_ref().map(|token| token.parse()).transpose()?;
        Ok(Self { grpc, token })
    }

    pub(crate) async fn unary(&mut self, path: &'static str, request: Bytes) -> Result<Bytes, Status> {
        self.ready().await?;
        let mut request = tonic::Request::new(request);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        let response = self.grpc.unary(request, PathAndQuery::from_static(path), RawCodec).await?;
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
