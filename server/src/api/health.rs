//! `grpc.health.v1.Health`: whether this server serves. It does whenever it answers.

use etcdkit_proto::health::health_check_response::ServingStatus;
use etcdkit_proto::health::{HealthCheckRequest, HealthCheckResponse};
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// The Health service. Only the name of the whole server, which is empty, is known.
pub(crate) struct Health {
    pub(crate) stopping: CancellationToken,
}

impl Health {
    pub(crate) async fn check(&self, request: HealthCheckRequest) -> Result<HealthCheckResponse, Status> {
        if !request.service.is_empty() {
            return Err(Status::not_found("unknown service"));
        }
        Ok(answer(ServingStatus::Serving))
    }

    /// The status now, then each change. The last change of a server is that it stops.
    pub(crate) async fn watch(
        &self,
        request: HealthCheckRequest,
    ) -> Result<impl Stream<Item = Result<HealthCheckResponse, Status>> + Send + use<>, Status> {
        let known = request.service.is_empty();
        let now = if known { ServingStatus::Serving } else { ServingStatus::ServiceUnknown };
        let stopping = self.stopping.clone();
        let end = futures::stream::once(async move {
            stopping.cancelled().await;
            known.then(|| Ok(answer(ServingStatus::NotServing)))
        });
        let end = end.filter_map(std::future::ready);
        Ok(futures::stream::iter([Ok(answer(now))]).chain(end))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status as i32 }
}
