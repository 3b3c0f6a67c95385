//! A lease that the core renews until told otherwise.

use std::sync::Arc;

use etcdkit::{Client, KeepAlive, LeaseKeepAliveResponse};
use etcdkit_proto::etcdserverpb as pb;
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::call::{Call, Finish};
use crate::failure::Failure;
use crate::process::Owner;
use crate::runtime::Scope;

/// What a closed keep-alive says when asked why it does not renew.
const CLOSED: &str = "closed";

/// The renewal of one lease.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeKeepAlive {
    /// None once it is closed: dropping it stops the renewal.
    renewal: Mutex<Option<Arc<KeepAlive>>>,
    scope: Scope,
    owner: Owner,
}

impl NativeKeepAlive {
    /// Renews once, to learn the TTL and that the lease exists, and then goes on.
    pub(crate) async fn start(client: Client, lease_id: i64, scope: &Scope) -> Result<Self, Failure> {
        let ttl = client.lease_client().keep_alive_once(lease_id).await?.ttl();
        let renewal = client.lease_client().keep(lease_id, ttl);
        Ok(NativeKeepAlive {
            renewal: Mutex::new(Some(Arc::new(renewal))),
            scope: scope.child(),
            owner: Owner::current(),
        })
    }
}

#[pymethods]
impl NativeKeepAlive {
    /// Why the lease is not renewed any more, None while it is.
    fn lost_reason(&self) -> PyResult<Option<String>> {
        self.owner.check("this keep-alive")?;
        match &*self.renewal.lock() {
            None => Ok(Some(CLOSED.to_owned())),
            Some(renewal) => Ok(renewal.is_lost().map(|lost| lost.to_string())),
        }
    }

    /// Waits until the lease is lost; the result says why.
    fn wait_lost(&self) -> PyResult<Call> {
        self.owner.check("this keep-alive")?;
        let (renewal, closed) = (self.renewal.lock().clone(), self.scope.clone());
        Call::start(&Scope::default(), async move {
            let reason = match renewal {
                None => CLOSED.to_owned(),
                Some(renewal) => tokio::select! {
                    lost = renewal.lost() => lost.to_string(),
                    () = closed.closed() => CLOSED.to_owned(),
                },
            };
            Ok(Box::new(move |py: Python<'_>| Ok(reason.into_pyobject(py)?.into_any().unbind())) as Finish)
        })
    }

    /// Stops renewing.
    fn close(&self) -> PyResult<()> {
        if !self.owner.is_current() {
            return Ok(());
        }
        self.scope.close();
        let renewal = self.renewal.lock().take();
        crate::runtime::spawn(async move { drop(renewal) })
    }
}

impl Drop for NativeKeepAlive {
    fn drop(&mut self) {
        // An error means that there is no runtime left to renew on.
        let _ = self.close();
    }
}

/// The message of a renewal.
pub(crate) fn wire(answer: &LeaseKeepAliveResponse) -> pb::LeaseKeepAliveResponse {
    let header = answer.header().map(|header| pb::ResponseHeader {
        cluster_id: header.cluster_id(),
        member_id: header.member_id(),
        revision: header.revision(),
        raft_term: header.raft_term(),
    });
    pb::LeaseKeepAliveResponse { header, id: answer.id(), ttl: answer.ttl() }
}
