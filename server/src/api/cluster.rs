//! `etcdserverpb.Cluster`: who the members are.

use etcdkit_proto::etcdserverpb::{Member, MemberListRequest, MemberListResponse};
use tonic::Status;

use super::header::Headers;
use crate::read::ReadGate;

/// The Cluster service of a cluster of one.
pub(crate) struct Cluster {
    pub(crate) headers: Headers,
    pub(crate) gate: ReadGate,
    pub(crate) own: Member,
}

impl Cluster {
    pub(crate) async fn member_list(&self, request: MemberListRequest) -> Result<MemberListResponse, Status> {
        if request.linearizable {
            self.gate.pass().await?;
        }
        // Headers of this service carry no revision, as in etcd.
        Ok(MemberListResponse { header: Some(self.headers.at(0)), members: vec![self.own.clone()] })
    }
}
