use etcdkit_proto::etcdserverpb::LeaseGrantRequest;
use etcdkit_proto::v3electionpb::{
    CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest,
};
use tonic::Code;

use crate::fixture::{Fixture, assert_status, soon, text};

async fn campaign(server: &Fixture, lease: i64, value: &str) -> CampaignRequest {
    server.lease().lease_grant(LeaseGrantRequest { id: lease, ttl: 60 }).await.unwrap();
    CampaignRequest { name: text("e"), lease, value: text(value) }
}

#[tokio::test]
async fn a_leader_is_elected_observed_and_replaced() {
    let server = Fixture::memory().await;
    let mut election = server.election();
    let name = LeaderRequest { name: text("e") };
    assert_status(election.leader(name.clone()).await, Code::Unknown, "election: no leader");
    let mut observed = election.observe(name.clone()).await.unwrap().into_inner();

    let first = campaign(&server, 1, "one").await;
    let won = soon(election.campaign(first)).await.unwrap().into_inner().leader.unwrap();
    assert_eq!((won.key.clone(), won.lease), (text("e/1"), 1));
    assert_eq!(soon(observed.message()).await.unwrap().unwrap().kv.unwrap().value, text("one"));

    let second = campaign(&server, 2, "two").await;
    let mut other = server.election();
    let waiting = tokio::spawn(async move { other.campaign(second).await });
    let proclaim = ProclaimRequest { leader: Some(won.clone()), value: text("uno") };
    election.proclaim(proclaim.clone()).await.unwrap();
    assert_eq!(soon(observed.message()).await.unwrap().unwrap().kv.unwrap().value, text("uno"));

    election.resign(ResignRequest { leader: Some(won) }).await.unwrap();
    let next = soon(waiting).await.unwrap().unwrap().into_inner().leader.unwrap();
    assert_eq!(next.key, text("e/2"));
    assert_eq!(soon(observed.message()).await.unwrap().unwrap().kv.unwrap().value, text("two"));
    assert_eq!(election.leader(name).await.unwrap().into_inner().kv.unwrap().value, text("two"));
    assert_status(election.proclaim(proclaim).await, Code::Unknown, "election: not leader");
}

#[tokio::test]
async fn campaigning_twice_proclaims() {
    let server = Fixture::memory().await;
    let mut election = server.election();
    let first = campaign(&server, 1, "one").await;
    let won = election.campaign(first.clone()).await.unwrap().into_inner().leader.unwrap();
    let again = CampaignRequest { value: text("uno"), ..first };
    assert_eq!(election.campaign(again).await.unwrap().into_inner().leader.unwrap(), won);
    let leader = election.leader(LeaderRequest { name: text("e") }).await.unwrap().into_inner();
    assert_eq!(leader.kv.unwrap().value, text("uno"));
}

#[tokio::test]
async fn a_leader_must_be_named() {
    let server = Fixture::memory().await;
    let message = "\"leader\" field must be provided";
    assert_status(server.election().resign(ResignRequest::default()).await, Code::Unknown, message);
    assert_status(server.election().proclaim(ProclaimRequest::default()).await, Code::Unknown, message);
    let nobody = LeaderKey { name: text("e"), key: text("e/9"), rev: 5, lease: 0 };
    assert!(server.election().resign(ResignRequest { leader: Some(nobody) }).await.is_ok());
}
