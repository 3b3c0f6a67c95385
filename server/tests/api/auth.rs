//! Users and rights, as far as one server alone shows them; the rest is in the behaviour spec.

use std::time::{Duration, Instant};

use etcdkit_proto::authpb::Permission;
use etcdkit_proto::authpb::permission::Type;
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthRoleDeleteRequest, AuthRoleGrantPermissionRequest,
    AuthRoleRevokePermissionRequest, AuthUserAddRequest, AuthUserDeleteRequest, AuthUserGrantRoleRequest,
    AuthUserRevokeRoleRequest, AuthenticateRequest, WatchCreateRequest, WatchRequest, WatchResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use crate::fixture::{Fixture, put, soon, text};

/// How long a watch may go on without its right.
const REVOKED_WITHIN: Duration = Duration::from_secs(1);

/// A server with authentication on: root, and alice who may read and write [a, c).
struct Guarded {
    server: Fixture,
    root: String,
    alice: String,
}

impl Guarded {
    async fn start() -> Self {
        let server = Fixture::memory().await;
        let mut auth = AuthClient::new(server.channel.clone());
        for name in ["root", "alice"] {
            let user =
                AuthUserAddRequest { name: name.into(), password: "secret".into(), ..Default::default() };
            auth.user_add(user).await.unwrap();
        }
        auth.role_add(AuthRoleAddRequest { name: "r".into() }).await.unwrap();
        let perm = Permission { perm_type: Type::Readwrite as i32, key: text("a"), range_end: text("c") };
        let grant = AuthRoleGrantPermissionRequest { name: "r".into(), perm: Some(perm) };
        auth.role_grant_permission(grant).await.unwrap();
        for (user, role) in [("root", "root"), ("alice", "r")] {
            let grant = AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
            auth.user_grant_role(grant).await.unwrap();
        }
        auth.auth_enable(AuthEnableRequest {}).await.unwrap();
        let root = login(&mut auth, "root").await;
        let alice = login(&mut auth, "alice").await;
        Guarded { server, root, alice }
    }

    fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.server.channel.clone())
    }

    fn as_root<T>(&self, message: T) -> Request<T> {
        with_token(&self.root, message)
    }

    /// Alice's watch of [a, b), seen to be there.
    async fn watch(&self) -> (mpsc::Sender<WatchRequest>, Streaming<WatchResponse>) {
        let (sender, receiver) = mpsc::channel(1);
        let requests = with_token(&self.alice, ReceiverStream::new(receiver));
        let create = WatchCreateRequest { key: text("a"), range_end: text("b"), ..Default::default() };
        let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        sender.send(create).await.unwrap();
        let mut responses = self.server.watch().watch(requests).await.unwrap().into_inner();
        let created = soon(responses.message()).await.unwrap().unwrap();
        assert!(created.created && !created.canceled, "{created:?}");
        (sender, responses)
    }
}

async fn login(auth: &mut AuthClient<Channel>, name: &str) -> String {
    let request = AuthenticateRequest { name: name.into(), password: "secret".into() };
    auth.authenticate(request).await.unwrap().into_inner().token
}

fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("token", token.parse().unwrap());
    request
}

/// How a right is lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Permission,
    Role,
    RoleDeleted,
    UserDeleted,
}

#[tokio::test]
async fn a_watch_ends_soon_after_its_right_is_taken_away() {
    for loss in [Loss::Permission, Loss::Role, Loss::RoleDeleted, Loss::UserDeleted] {
        let guarded = Guarded::start().await;
        let (_requests, mut responses) = guarded.watch().await;
        let mut auth = guarded.auth();
        match loss {
            Loss::Permission => {
                let revoke = AuthRoleRevokePermissionRequest {
                    role: "r".into(),
                    key: text("a"),
                    range_end: text("c"),
                };
                auth.role_revoke_permission(guarded.as_root(revoke)).await.map(drop)
            }
            Loss::Role => {
                let revoke = AuthUserRevokeRoleRequest { name: "alice".into(), role: "r".into() };
                auth.user_revoke_role(guarded.as_root(revoke)).await.map(drop)
            }
            Loss::RoleDeleted => {
                auth.role_delete(guarded.as_root(AuthRoleDeleteRequest { role: "r".into() })).await.map(drop)
            }
            Loss::UserDeleted => {
                let delete = AuthUserDeleteRequest { name: "alice".into() };
                auth.user_delete(guarded.as_root(delete)).await.map(drop)
            }
        }
        .unwrap();
        let lost = Instant::now();
        guarded.server.kv().put(guarded.as_root(put("a1", "unseen"))).await.unwrap();
        let last = soon(responses.message()).await.unwrap().unwrap();
        assert!(last.canceled && last.events.is_empty(), "{loss:?}: {last:?}");
        assert!(lost.elapsed() < REVOKED_WITHIN, "{loss:?}: {:?}", lost.elapsed());
        assert!(last.cancel_reason.contains("permission denied"), "{loss:?}: {}", last.cancel_reason);
        guarded.server.server.shutdown().await;
    }
}

#[tokio::test]
async fn a_watch_whose_right_stays_goes_on_when_others_change() {
    let guarded = Guarded::start().await;
    let (_requests, mut responses) = guarded.watch().await;
    let perm = Permission { perm_type: Type::Read as i32, key: text("x"), range_end: text("y") };
    let grant = AuthRoleGrantPermissionRequest { name: "r".into(), perm: Some(perm) };
    guarded.auth().role_grant_permission(guarded.as_root(grant)).await.unwrap();
    guarded.server.kv().put(guarded.as_root(put("a1", "seen"))).await.unwrap();
    let response = soon(responses.message()).await.unwrap().unwrap();
    assert_eq!(response.events.len(), 1, "{response:?}");
    guarded.server.server.shutdown().await;
}
