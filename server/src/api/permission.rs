//! What each call needs of its caller, as a table: a call that is not in it is refused while authentication is on, and
//! a test compares it with the contract.

/// What a call needs while authentication is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// A token, where one comes along, that is good.
    GoodToken,
    /// A known caller.
    User,
    /// A caller with the role root.
    Root,
    /// Rights that depend on the request: the service asks.
    Asked,
}

use Needs::{Asked, GoodToken, Nothing, Root, User};

const TABLE: &[(&str, Needs)] = &[
    ("/etcdserverpb.KV/Range", Asked),
    ("/etcdserverpb.KV/RangeStream", Asked),
    ("/etcdserverpb.KV/Put", Asked),
    ("/etcdserverpb.KV/DeleteRange", Asked),
    ("/etcdserverpb.KV/Txn", Asked),
    ("/etcdserverpb.KV/Compact", Root),
    ("/etcdserverpb.Watch/Watch", Asked),
    ("/etcdserverpb.Lease/LeaseGrant", User),
    ("/etcdserverpb.Lease/LeaseRevoke", Asked),
    ("/etcdserverpb.Lease/LeaseKeepAlive", Asked),
    ("/etcdserverpb.Lease/LeaseTimeToLive", Asked),
    ("/etcdserverpb.Lease/LeaseLeases", Asked),
    ("/etcdserverpb.Cluster/MemberAdd", Root),
    ("/etcdserverpb.Cluster/MemberRemove", Root),
    ("/etcdserverpb.Cluster/MemberUpdate", Root),
    ("/etcdserverpb.Cluster/MemberList", User),
    ("/etcdserverpb.Cluster/MemberPromote", Root),
    ("/etcdserverpb.Maintenance/Alarm", Asked),
    ("/etcdserverpb.Maintenance/Status", User),
    ("/etcdserverpb.Maintenance/Defragment", Root),
    ("/etcdserverpb.Maintenance/Hash", Root),
    ("/etcdserverpb.Maintenance/HashKV", Root),
    ("/etcdserverpb.Maintenance/Snapshot", Root),
    ("/etcdserverpb.Maintenance/MoveLeader", Root),
    ("/etcdserverpb.Maintenance/Downgrade", Root),
    ("/etcdserverpb.Auth/AuthEnable", Root),
    ("/etcdserverpb.Auth/AuthDisable", Root),
    ("/etcdserverpb.Auth/AuthStatus", GoodToken),
    ("/etcdserverpb.Auth/Authenticate", Nothing),
    ("/etcdserverpb.Auth/UserAdd", Root),
    ("/etcdserverpb.Auth/UserGet", Asked),
    ("/etcdserverpb.Auth/UserList", Root),
    ("/etcdserverpb.Auth/UserDelete", Root),
    ("/etcdserverpb.Auth/UserChangePassword", Root),
    ("/etcdserverpb.Auth/UserGrantRole", Root),
    ("/etcdserverpb.Auth/UserRevokeRole", Root),
    ("/etcdserverpb.Auth/RoleAdd", Root),
    ("/etcdserverpb.Auth/RoleGet", Asked),
    ("/etcdserverpb.Auth/RoleList", Root),
    ("/etcdserverpb.Auth/RoleDelete", Root),
    ("/etcdserverpb.Auth/RoleGrantPermission", Root),
    ("/etcdserverpb.Auth/RoleRevokePermission", Root),
    ("/v3lockpb.Lock/Lock", Asked),
    ("/v3lockpb.Lock/Unlock", Asked),
    ("/v3electionpb.Election/Campaign", Asked),
    ("/v3electionpb.Election/Proclaim", Asked),
    ("/v3electionpb.Election/Leader", Asked),
    ("/v3electionpb.Election/Observe", Asked),
    ("/v3electionpb.Election/Resign", Asked),
    ("/grpc.health.v1.Health/Check", Nothing),
    ("/grpc.health.v1.Health/Watch", Nothing),
];

/// What the call with this path needs; none for calls that nobody knows.
pub(crate) fn of(path: &str) -> Option<Needs> {
    TABLE.iter().find(|(known, _)| *known == path).map(|(_, needs)| *needs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use etcdkit_proto::DESCRIPTORS;
    use prost::Message;

    use super::*;

    #[test]
    fn every_call_of_the_contract_is_in_the_table_once() {
        let contract = prost_types::FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let declared: BTreeSet<String> = contract
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
            .flat_map(|(package, service)| {
                let path = move |method: &prost_types::MethodDescriptorProto| {
                    format!("/{package}.{}/{}", service.name(), method.name())
                };
                service.method.iter().map(path)
            })
            .collect();
        let listed: BTreeSet<String> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, declared);
        assert_eq!(listed.len(), TABLE.len());
    }

    #[test]
    fn an_unknown_call_needs_what_nobody_has() {
        assert_eq!(of("/etcdserverpb.KV/Nope"), None);
    }
}
