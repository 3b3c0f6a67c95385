//! `v3lockpb.Lock`: locks held by the server on behalf of callers that cannot wait in line themselves.

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{DeleteRangeRequest, RangeRequest};
use etcdkit_proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tonic::Status;

use super::access::Credentials;
use super::line::{self, Line, without_code};

/// The Lock service.
pub(crate) struct Lock {
    pub(crate) line: Line,
}

impl Lock {
    pub(crate) async fn lock(&self, by: &Credentials, request: LockRequest) -> Result<LockResponse, Status> {
        self.acquire(by, request).await.map_err(without_code)
    }

    async fn acquire(&self, by: &Credentials, request: LockRequest) -> Result<LockResponse, Status> {
        let lease = self.line.session(by, request.lease).await?;
        let prefix = line::prefix(&request.name);
        let (waiting, place, _, header) = self.line.enter(by, &prefix, Bytes::new(), lease).await?;
        let first = self.line.first(by, &prefix).await?.kvs.into_iter().next();
        if first.is_none_or(|first| first.create_revision == place.created) {
            waiting.done();
            return Ok(LockResponse { header: Some(header), key: place.key });
        }
        self.line.wait_turn(by, &prefix, &place).await?;
        // The lease may have ended while its key was waiting.
        let held =
            self.line.kv.range(by, RangeRequest { key: place.key.clone(), ..Default::default() }).await?;
        if held.kvs.is_empty() {
            return Err(Status::unknown("mutex: session is expired"));
        }
        waiting.done();
        Ok(LockResponse { header: held.header, key: place.key })
    }

    pub(crate) async fn unlock(
        &self,
        by: &Credentials,
        request: UnlockRequest,
    ) -> Result<UnlockResponse, Status> {
        let delete = DeleteRangeRequest { key: request.key, ..Default::default() };
        let deleted = self.line.kv.delete_range(by, delete).await.map_err(without_code)?;
        Ok(UnlockResponse { header: deleted.header })
    }
}
