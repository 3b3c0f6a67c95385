//! What carries the requests to one endpoint: usually a connection of the transport, or something of the user's own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use tonic::body::Body;
use tonic::transport::channel::{Change, ResponseFuture};
use tonic::transport::{self, Endpoint};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service};

use etcdkit_link::Link;

/// Any service that answers gRPC requests, in place of a connection.
pub type CustomChannel = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// Adds endpoints to a balanced channel and removes them.
pub type EndpointUpdater = tokio::sync::mpsc::Sender<Change<Uri, Endpoint>>;

/// The way to a server.
#[derive(Clone, Debug)]
pub enum Channel {
    /// A connection of the client's own.
    Link(Link),
    /// A connection of the transport.
    Tonic(transport::Channel),
    /// A service of the user's.
    Custom(CustomChannel),
}

impl From<transport::Channel> for Channel {
    fn from(channel: transport::Channel) -> Self {
        Channel::Tonic(channel)
    }
}

impl From<CustomChannel> for Channel {
    fn from(channel: CustomChannel) -> Self {
        Channel::Custom(channel)
    }
}

impl Channel {
    /// Whether a request can be sent without a new connection; channels made elsewhere see to that themselves.
    pub(crate) fn is_usable(&self) -> bool {
        match self {
            Channel::Link(link) => link.is_usable(),
            Channel::Tonic(_) | Channel::Custom(_) => true,
        }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = ChannelFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Channel::Link(link) => link.poll_ready(context),
            Channel::Tonic(channel) => channel.poll_ready(context).map_err(BoxError::from),
            Channel::Custom(channel) => channel.poll_ready(context),
        }
    }

    fn call(&mut self, request: Request<Body>) -> ChannelFuture {
        match self {
            Channel::Link(link) => ChannelFuture::Boxed(link.call(request)),
            Channel::Tonic(channel) => ChannelFuture::Tonic(channel.call(request)),
            Channel::Custom(channel) => ChannelFuture::Boxed(channel.call(request)),
        }
    }
}

/// An answer on its way.
pub enum ChannelFuture {
    /// Through a connection of the transport.
    Tonic(ResponseFuture),
    /// Through another one, or a service of the user's.
    Boxed(BoxFuture<'static, Result<Response<Body>, BoxError>>),
}

impl Future for ChannelFuture {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            ChannelFuture::Tonic(answer) => {
                Poll::Ready(ready!(Pin::new(answer).poll(context)).map_err(BoxError::from))
            }
            ChannelFuture::Boxed(answer) => answer.as_mut().poll(context),
        }
    }
}

/// Makes a channel that spreads requests over a changing set of endpoints by itself; see
/// [`Client::connect_with_balanced_channel`](crate::Client::connect_with_balanced_channel).
pub trait BalancedChannelBuilder {
    /// Why the channel could not be made.
    type Error;

    /// Makes the channel, with room for this many changes of endpoints that it has not taken notice of yet.
    fn balanced_channel(self, buffer_size: usize) -> Result<(Channel, EndpointUpdater), Self::Error>;
}

/// The transport's own balancing: each request goes to the less loaded of two endpoints picked at random.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tonic;

impl BalancedChannelBuilder for Tonic {
    type Error = transport::Error;

    fn balanced_channel(self, buffer_size: usize) -> Result<(Channel, EndpointUpdater), Self::Error> {
        let (channel, updater) = transport::Channel::balance_channel(buffer_size);
        Ok((channel.into(), updater))
    }
}
