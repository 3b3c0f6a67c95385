//! Users, roles, rights and tokens: few of each, so that they meet; and calls of operators by those who may not.

use std::sync::LazyLock;

use anyhow::Result;
use bytes::Bytes;
use etcdkit_proto::authpb::{Permission, UserAddOptions};
use etcdkit_proto::etcdserverpb::{
    AlarmRequest, AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleDeleteRequest,
    AuthRoleGetRequest, AuthRoleGrantPermissionRequest, AuthRoleListRequest, AuthRoleRevokePermissionRequest,
    AuthStatusRequest, AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest,
    AuthUserGetRequest, AuthUserGrantRoleRequest, AuthUserListRequest, AuthUserRevokeRoleRequest,
    AuthenticateRequest, AuthenticateResponse, DefragmentRequest, HashKvRequest, MemberListRequest,
    StatusRequest,
};
use etcdkit_proto::{DESCRIPTORS, RawCodec};
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use rand::RngExt as _;
use tonic::Status;
use tonic::client::Grpc;
use tonic::metadata::AsciiMetadataValue;

use super::generate::{Generator, Request};
use super::peer::Authorized;

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("invariant: the contract reads back"));

/// Users; the first is root. Each is also the number of who asks; the number behind them is nobody's.
const USERS: [&str; 4] = ["root", "u1", "u2", "u3"];
const ROLES: [&str; 4] = ["root", "r1", "r2", "r3"];
const PASSWORDS: [&str; 2] = ["p1", "p2"];

/// A call by its path, with its request encoded.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) path: &'static str,
    /// Whose token the answer has.
    pub(super) slot: usize,
    request: Bytes,
}

fn call(path: &'static str, request: impl Message) -> Request {
    Request::Call(Call { path, slot: 0, request: request.encode_to_vec().into() })
}

/// What every run begins with: users, roles, and authentication on.
const OPENING: usize = 10;

impl Generator {
    pub(super) fn auth_request(&mut self) -> Request {
        if let Some(request) = self.opening() {
            return request;
        }
        match self.random.random_range(0..100) {
            0..45 => self.data_request(),
            45..57 => Request::As(self.random.random_range(0..=USERS.len())),
            57..62 => self.login(),
            62..67 => Request::As(0),
            67..92 => self.change(),
            _ => self.operate(),
        }
    }

    /// The first requests, one after the other.
    pub(super) fn opening(&mut self) -> Option<Request> {
        let name = |name: &str| name.to_owned();
        let at = self.made().len();
        Some(match at {
            0..4 => call(
                "etcdserverpb.Auth/UserAdd",
                AuthUserAddRequest {
                    name: name(USERS[at]),
                    password: name(PASSWORDS[0]),
                    ..Default::default()
                },
            ),
            4 => call(
                "etcdserverpb.Auth/UserGrantRole",
                AuthUserGrantRoleRequest { user: name("root"), role: name("root") },
            ),
            5 => call("etcdserverpb.Auth/RoleAdd", AuthRoleAddRequest { name: name("r1") }),
            6 => call(
                "etcdserverpb.Auth/UserGrantRole",
                AuthUserGrantRoleRequest { user: name("u1"), role: name("r1") },
            ),
            7 => call("etcdserverpb.Auth/AuthEnable", AuthEnableRequest {}),
            8 => self.login_of(0, PASSWORDS[0]),
            9 => Request::As(0),
            OPENING.. => return None,
        })
    }

    fn user(&mut self) -> String {
        if self.chance(40) { String::new() } else { self.pick(&USERS).to_owned() }
    }

    fn role(&mut self) -> String {
        if self.chance(40) { String::new() } else { self.pick(&ROLES).to_owned() }
    }

    /// The root of the experiment stays root, or nothing would be allowed any more.
    fn other_user(&mut self) -> String {
        let name = self.user();
        if name == "root" { "u1".to_owned() } else { name }
    }

    fn login(&mut self) -> Request {
        let slot = self.random.random_range(0..USERS.len());
        let password = if slot == 0 { PASSWORDS[0] } else { self.pick(&PASSWORDS) };
        self.login_of(slot, password)
    }

    fn login_of(&mut self, slot: usize, password: &str) -> Request {
        let request = AuthenticateRequest { name: USERS[slot].to_owned(), password: password.to_owned() };
        let request = request.encode_to_vec().into();
        Request::Call(Call { path: "etcdserverpb.Auth/Authenticate", slot, request })
    }

    fn change(&mut self) -> Request {
        match self.random.random_range(0..15) {
            0 => {
                let options = self.chance(5).then_some(UserAddOptions { no_password: true });
                let password = self.pick(&PASSWORDS).to_owned();
                let request =
                    AuthUserAddRequest { name: self.user(), password, options, ..Default::default() };
                call("etcdserverpb.Auth/UserAdd", request)
            }
            1 => call("etcdserverpb.Auth/UserGet", AuthUserGetRequest { name: self.user() }),
            2 => call("etcdserverpb.Auth/UserList", AuthUserListRequest {}),
            3 => call("etcdserverpb.Auth/UserDelete", AuthUserDeleteRequest { name: self.other_user() }),
            4 => {
                let (name, password) = (self.other_user(), self.pick(&PASSWORDS).to_owned());
                let request = AuthUserChangePasswordRequest { name, password, ..Default::default() };
                call("etcdserverpb.Auth/UserChangePassword", request)
            }
            5 => {
                let request = AuthUserGrantRoleRequest { user: self.user(), role: self.role() };
                call("etcdserverpb.Auth/UserGrantRole", request)
            }
            6 => {
                let request = AuthUserRevokeRoleRequest { name: self.other_user(), role: self.role() };
                call("etcdserverpb.Auth/UserRevokeRole", request)
            }
            7 => call("etcdserverpb.Auth/RoleAdd", AuthRoleAddRequest { name: self.role() }),
            8 => call("etcdserverpb.Auth/RoleGet", AuthRoleGetRequest { role: self.role() }),
            9 => call("etcdserverpb.Auth/RoleList", AuthRoleListRequest {}),
            10 => call("etcdserverpb.Auth/RoleDelete", AuthRoleDeleteRequest { role: self.role() }),
            11..13 => {
                let (key, range_end) = self.any_key_and_end();
                let perm_type = self.random.random_range(0..3);
                let perm = (!self.chance(30)).then_some(Permission { perm_type, key, range_end });
                let request = AuthRoleGrantPermissionRequest { name: self.role(), perm };
                call("etcdserverpb.Auth/RoleGrantPermission", request)
            }
            13 => {
                let (key, range_end) = self.any_key_and_end();
                let request = AuthRoleRevokePermissionRequest { role: self.role(), key, range_end };
                call("etcdserverpb.Auth/RoleRevokePermission", request)
            }
            _ => call("etcdserverpb.Auth/AuthStatus", AuthStatusRequest {}),
        }
    }

    /// What operators ask, and switching authentication, which those who are not root try in vain.
    fn operate(&mut self) -> Request {
        match self.random.random_range(0..9) {
            0 => call("etcdserverpb.Maintenance/Alarm", AlarmRequest::default()),
            1 => call("etcdserverpb.Maintenance/Status", StatusRequest {}),
            2 => call("etcdserverpb.Maintenance/Defragment", DefragmentRequest {}),
            3 => call("etcdserverpb.Maintenance/HashKV", HashKvRequest { revision: 0 }),
            4 => call("etcdserverpb.Cluster/MemberList", MemberListRequest { linearizable: true }),
            5..7 => call("etcdserverpb.Auth/AuthEnable", AuthEnableRequest {}),
            7 => call("etcdserverpb.Auth/AuthStatus", AuthStatusRequest {}),
            _ => call("etcdserverpb.Auth/AuthDisable", AuthDisableRequest {}),
        }
    }
}

/// The answer, comparable, and the token in it.
pub(super) async fn perform(
    channel: &Authorized,
    call: &Call,
) -> Result<(String, Option<AsciiMetadataValue>), Status> {
    let broken = |error: &dyn std::fmt::Display| Status::internal(format!("the runner: {error}"));
    let (service, method) = call.path.split_once('/').ok_or_else(|| broken(&call.path))?;
    let output = CONTRACT
        .get_service_by_name(service)
        .and_then(|service| service.methods().find(|known| known.name() == method))
        .ok_or_else(|| broken(&call.path))?
        .output();
    let path = PathAndQuery::try_from(format!("/{}", call.path)).map_err(|error| broken(&error))?;
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|error| broken(&error))?;
    let answer = client.unary(tonic::Request::new(call.request.clone()), path, RawCodec).await?.into_inner();
    let token = match method {
        "Authenticate" => AuthenticateResponse::decode(answer.clone()).ok(),
        _ => None,
    };
    let token = token.and_then(|answer| answer.token.parse().ok());
    let mut answer = DynamicMessage::decode(output, answer).map_err(|error| broken(&error))?;
    blank(&mut answer);
    Ok((format!("{answer:?}"), token))
}

/// Fields whose value is one server's or one moment's; whether there is one must be equal.
const VOLATILE: &[&str] = &[
    "ID",
    "clientURLs",
    "cluster_id",
    "dbSize",
    "dbSizeInUse",
    "hash",
    "leader",
    "member_id",
    "memberID",
    "name",
    "peerURLs",
    "raftAppliedIndex",
    "raftIndex",
    "raftTerm",
    "raft_term",
    "storageVersion",
    "token",
    "version",
];

fn blank(message: &mut DynamicMessage) {
    let fields: Vec<_> = message.fields().map(|(field, _)| field).collect();
    for field in fields {
        let volatile = VOLATILE.contains(&field.name());
        match message.get_field_mut(&field) {
            Value::Message(inner) => blank(inner),
            Value::List(items) if volatile => items.truncate(0),
            Value::List(items) => items.iter_mut().for_each(|item| {
                if let Value::Message(inner) = item {
                    blank(inner);
                }
            }),
            value if volatile => match value {
                Value::String(text) => "…".clone_into(text),
                Value::U32(number) => *number = 1,
                Value::U64(number) => *number = 1,
                Value::I64(number) => *number = 1,
                _ => {}
            },
            _ => {}
        }
    }
}
