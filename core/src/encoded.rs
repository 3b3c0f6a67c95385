//! Unary calls whose messages stay encoded: what language bindings with message types of their own are made of.
//!
//! The request and the response pass through untouched; path and table decide what may be repeated, as for every call.

use bytes::Bytes;
use etcdkit_proto::etcdserverpb as pb;
use prost::Message;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::method;
use crate::txn;

/// The one RPC whose class depends on what the request asks for.
const TXN_PATH: &str = "/etcdserverpb.KV/Txn";

impl Client {
    /// Sends an encoded request to a unary RPC, named by its path, and returns the encoded response.
    ///
    /// ```no_run
    /// # async fn example(client: etcdkit::Client, request: bytes::Bytes) -> etcdkit::Result<()> {
    /// let response = client.call_encoded("/etcdserverpb.KV/Range", request).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call_encoded(&self, path: &str, request: Bytes) -> Result<Bytes> {
        let mut method = method::encoded(path)
            .ok_or_else(|| Error::InvalidArgs(format!("{path} is not a method of the API")))?;
        if path == TXN_PATH {
            let message = pb::TxnRequest::decode(request.clone());
            let message =
                message.map_err(|error| Error::InvalidArgs(format!("not a transaction: {error}")))?;
            if message.success.iter().chain(&message.failure).all(txn::op_only_reads) {
                method = &method::TXN_READ_ENCODED;
            }
        }
        self.core().unary_encoded(method, request).await
    }
}
