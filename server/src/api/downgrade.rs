//! Downgrades: whether the version asked for is the one before, and the note that one is under way.

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::downgrade_request::DowngradeAction;
use etcdkit_proto::etcdserverpb::{DowngradeInfo, DowngradeRequest, DowngradeResponse};
use tonic::Status;

use super::maintenance::Maintenance;
use super::version::{CLUSTER_VERSION, Version};
use crate::command::{
    Applied, CancelDowngrade, ClusterCommand, ClusterOperation, DowngradeTarget, Operation,
};

impl Maintenance {
    pub(crate) async fn downgrade(&self, request: DowngradeRequest) -> Result<DowngradeResponse, Status> {
        match DowngradeAction::try_from(request.action) {
            Ok(DowngradeAction::Validate) => {
                self.gate.pass().await?;
                self.validate(&request.version)?;
            }
            Ok(DowngradeAction::Enable) => {
                let version = self.validate(&request.version)?.to_string();
                self.change(ClusterOperation::Downgrade(DowngradeTarget { version })).await?;
            }
            Ok(DowngradeAction::Cancel) => {
                // etcd tells its log alone when there is nothing to cancel.
                if let Err(status) = self.change(ClusterOperation::CancelDowngrade(CancelDowngrade {})).await
                {
                    tracing::warn!(%status, "failed to cancel a downgrade");
                }
            }
            Err(_) => return Err(Status::unknown("etcdserver: unknown method")),
        }
        let version = format!("{}.{}", CLUSTER_VERSION.major, CLUSTER_VERSION.minor);
        Ok(DowngradeResponse { header: Some(self.headers.now()), version })
    }

    /// The version, if it is the one before that of the cluster and no downgrade is under way.
    fn validate(&self, version: &str) -> Result<Version, EtcdError> {
        let target = Version::parse_target(version).ok_or(EtcdError::WrongDowngradeVersionFormat)?;
        if Some(target) != CLUSTER_VERSION.before() {
            return Err(EtcdError::InvalidDowngradeTargetVersion);
        }
        match self.cluster.downgrade_target() {
            Some(_) => Err(EtcdError::DowngradeInProcess),
            None => Ok(target),
        }
    }

    async fn change(&self, operation: ClusterOperation) -> Result<(), Status> {
        let command = Box::new(ClusterCommand { operation: Some(operation) });
        match self.proposer.propose(Operation::Cluster(command)).await? {
            Applied::Cluster => Ok(()),
            _ => Err(super::error::mismatched()),
        }
    }

    pub(super) fn downgrade_info(&self) -> DowngradeInfo {
        match self.cluster.downgrade_target() {
            Some(target_version) => DowngradeInfo { enabled: true, target_version },
            None => DowngradeInfo::default(),
        }
    }
}
