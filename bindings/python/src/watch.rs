//! A watch, pulled from Python in batches.

use std::sync::Arc;

use etcdkit::proto::etcdserverpb as pb;
use etcdkit::{Client, Error, WatchResponse};
use etcdkit_bridge::wire::{watch_options, watch_response};
use etcdkit_bridge::{BATCH_MAX, BridgeError, ForkSafe, Kind, Pulled, Scope};
use futures::{StreamExt, future, stream};
use prost::Message;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::call::{Call, Finish};
use crate::codec::Codec;
use crate::failure::Failure;

/// An open watch.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeWatch {
    responses: ForkSafe<Arc<Pulled<WatchResponse>>>,
    codec: Py<Codec>,
}

impl NativeWatch {
    /// Opens a watch; returns when the server has created it.
    pub(crate) async fn open(
        client: Client,
        request: pb::WatchCreateRequest,
        codec: Py<Codec>,
        scope: &Scope,
    ) -> Result<Self, BridgeError> {
        let (key, options) = watch_options(request)?;
        let mut stream = client.watch_client().watch(key, Some(options)).await?;
        // The core answers when the watch exists, and the first message of the stream says it again.
        let first = stream.message().await?.filter(|first| !first.created());
        let responses = stream::iter(first.map(Ok)).chain(stream).map(|item| item.and_then(told_as_error));
        let responses =
            responses.filter(|item| future::ready(!matches!(item, Ok(response) if response.created())));
        Ok(NativeWatch { responses: ForkSafe::new(Arc::new(Pulled::new(scope, responses))), codec })
    }

    fn responses(&self) -> PyResult<&Arc<Pulled<WatchResponse>>> {
        self.responses.get().map_err(|error| Failure::from(error).into())
    }
}

#[pymethods]
impl NativeWatch {
    /// Waits for the next batch: a list of WatchResponse messages, empty at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        let (responses, codec) = (self.responses()?.clone(), self.codec.clone_ref(py));
        // Not in the scope of the watch: closing it is the end of the iteration and not an error.
        Call::start(&Scope::new(), async move {
            match responses.scope().run(responses.next(BATCH_MAX)).await {
                Err(error) if error.kind == Kind::Closed => Ok(batch(codec, Vec::new())),
                pulled => Ok(batch(codec, pulled?)),
            }
        })
    }

    /// Ends the watch, at the server too. In a forked child it does nothing.
    fn close(&self) {
        if let Ok(responses) = self.responses.get() {
            responses.close();
        }
    }
}

/// A watch that the server ended is an error, except for compaction: Python makes its exception of the revision.
fn told_as_error(response: WatchResponse) -> Result<WatchResponse, Error> {
    match response.canceled() && response.compact_revision() == 0 {
        true => Err(Error::WatchError(response.cancel_reason().to_owned())),
        false => Ok(response),
    }
}

fn batch(codec: Py<Codec>, responses: Vec<WatchResponse>) -> Finish {
    Box::new(move |py| {
        let list = PyList::empty(py);
        for response in responses {
            list.append(codec.get().decode(py, &watch_response(response).encode_to_vec())?)?;
        }
        Ok(list.into_any().unbind())
    })
}
