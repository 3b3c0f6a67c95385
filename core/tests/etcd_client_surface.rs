//! The whole surface of the crate `etcd-client`, used as its programs use it, with the dependency renamed.
//!
//! That this compiles is the test: names, argument types, `&mut` receivers, `?` on every error. What the calls do is
//! tested elsewhere.
#![allow(dead_code, unused_mut, clippy::unwrap_used, missing_docs, unreachable_pub)]

use std::time::Duration;

use etcd_client::*;
use etcdkit as etcd_client;

fn connect_options() -> ConnectOptions {
    let tls = TlsOptions::new()
        .domain_name("etcd.example")
        .ca_certificate(Certificate::from_pem("pem"))
        .identity(Identity::from_pem("cert", "key"));
    ConnectOptions::new()
        .with_user("name", "password")
        .with_tls(tls)
        .with_keep_alive(Duration::from_secs(10), Duration::from_secs(3))
        .with_timeout(Duration::from_secs(5))
        .with_connect_timeout(Duration::from_secs(2))
        .with_tcp_keepalive(Duration::from_secs(60))
        .with_keep_alive_while_idle(true)
        .with_require_leader(true)
}

async fn connect() -> Result<Client, Error> {
    let one = Client::connect(["localhost:2379"], None).await?;
    let _three = Client::connect(["a:1".to_owned(), "b:1".to_owned()], Some(connect_options())).await?;
    let slice: &[&str] = &["localhost:2379"];
    let _slice = Client::connect(slice, None).await?;
    let _balanced =
        Client::connect_with_balanced_channel(["localhost:2379"], None, etcd_client::channel::Tonic).await?;
    one.add_endpoint("localhost:2380").await?;
    one.remove_endpoint("localhost:2380").await?;
    Ok(one)
}

async fn through_a_channel(made: tonic::transport::Channel, own: CustomChannel) -> Result<()> {
    let _made = Client::from_channel(Channel::Tonic(made.clone()), None).await?;
    let _made = Client::from_channel(made, None).await?;
    let _own = Client::from_channel(Channel::Custom(own), Some(ConnectOptions::new())).await?;
    Ok(())
}

async fn services(mut client: Client) -> Result<()> {
    let mut kv: KvClient =
        client.kv_client().max_decoding_message_size(1 << 20).max_encoding_message_size(1 << 20);
    let mut watch: WatchClient = client.watch_client().max_decoding_message_size(1 << 20);
    let mut lease: LeaseClient = client.lease_client();
    let mut auth: AuthClient = client.auth_client();
    let mut maintenance: MaintenanceClient = client.maintenance_client();
    let mut cluster: ClusterClient = client.cluster_client();
    let mut lock: LockClient = client.lock_client();
    let mut election: ElectionClient = client.election_client();
    kv.put("k", "v", None).await?;
    kv.get("k", None).await?;
    kv.delete("k", None).await?;
    kv.compact(1, None).await?;
    kv.txn(Txn::new()).await?;
    watch.watch("k", None).await?;
    lease.grant(10, None).await?;
    lease.revoke(1).await?;
    lease.keep_alive(1).await?;
    lease.time_to_live(1, None).await?;
    lease.leases().await?;
    auth.authenticate("name".to_owned(), "password".to_owned()).await?.token();
    auth.auth_enable().await?;
    maintenance.status().await?;
    cluster.member_list().await?;
    cluster.member_add(["http://a:2380".to_owned()], None).await?;
    lock.lock("l", None).await?;
    election.campaign("e", "v", 1).await?;
    client.refresh_token().await?;
    client.update_user(Some(("name".to_owned(), "password".to_owned()))).await
}

fn header(header: Option<&ResponseHeader>) -> i64 {
    let header = header.unwrap();
    let _: (u64, u64, u64) = (header.cluster_id(), header.member_id(), header.raft_term());
    header.revision()
}

fn pair(kv: &KeyValue) -> Result<()> {
    let _: (&[u8], &[u8], &str, &str) = (kv.key(), kv.value(), kv.key_str()?, kv.value_str()?);
    let _: (&str, &str) = (kv.key_str_unchecked(), kv.value_str_unchecked());
    let _: [i64; 4] = [kv.create_revision(), kv.mod_revision(), kv.version(), kv.lease()];
    let (_key, _value): (Vec<u8>, Vec<u8>) = kv.clone().into_key_value();
    Ok(())
}

async fn kv(mut client: Client) -> Result<()> {
    let options = PutOptions::new().with_lease(1).with_prev_key().with_ignore_value().with_ignore_lease();
    let mut put: PutResponse = client.put("k", "v", Some(options)).await?;
    header(put.header());
    put.take_header();
    put.prev_key().map(pair).transpose()?;
    let _: Option<KeyValue> = put.take_prev_key();

    let options = GetOptions::new()
        .with_range("z")
        .with_from_key()
        .with_prefix()
        .with_all_keys()
        .with_limit(1)
        .with_revision(1)
        .with_sort(SortTarget::Create, SortOrder::Descend)
        .with_serializable()
        .with_keys_only()
        .with_count_only()
        .with_min_mod_revision(1)
        .with_max_mod_revision(1)
        .with_min_create_revision(1)
        .with_max_create_revision(1);
    let mut get: GetResponse = client.get(vec![1, 2], Some(options)).await?;
    let _: (bool, i64, &[KeyValue]) = (get.more(), get.count(), get.kvs());
    let _: Vec<KeyValue> = get.take_kvs();
    let mut stream = client.get_stream("k", Some(GetOptions::new().with_prefix())).await?;
    while let Some(part) = stream.message().await? {
        header(part.header());
    }

    let options =
        DeleteOptions::new().with_range("z").with_from_key().with_prefix().with_all_keys().with_prev_key();
    let mut delete: DeleteResponse = client.delete("k", Some(options)).await?;
    let _: (i64, &[KeyValue]) = (delete.deleted(), delete.prev_kvs());
    let _: Vec<KeyValue> = delete.take_prev_kvs();
    let mut compacted: CompactionResponse =
        client.compact(1, Some(CompactionOptions::new().with_physical())).await?;
    compacted.take_header();
    Ok(())
}

async fn txn(mut client: Client) -> Result<()> {
    let txn = Txn::new()
        .when(vec![
            Compare::version("k", CompareOp::Equal, 1),
            Compare::create_revision("k", CompareOp::Greater, 1),
            Compare::mod_revision("k", CompareOp::Less, 1),
            Compare::value("k", CompareOp::NotEqual, "v").with_range("z"),
            Compare::lease("k", CompareOp::Equal, 0).with_prefix(),
        ])
        .and_then(vec![TxnOp::put("k", "v", None), TxnOp::txn(Txn::new())])
        .or_else([TxnOp::get("k", Some(GetOptions::new())), TxnOp::delete("k", None)]);
    let response: TxnResponse = client.txn(txn).await?;
    let _: bool = response.succeeded();
    for op in response.op_responses() {
        match op {
            TxnOpResponse::Put(put) => header(put.header()),
            TxnOpResponse::Get(get) => get.count(),
            TxnOpResponse::Delete(delete) => delete.deleted(),
            TxnOpResponse::Txn(txn) => i64::from(txn.succeeded()),
        };
    }
    Ok(())
}

async fn watch(mut client: Client) -> Result<()> {
    let options = WatchOptions::new()
        .with_key("k")
        .with_range("z")
        .with_from_key()
        .with_prefix()
        .with_all_keys()
        .with_start_revision(1)
        .with_progress_notify()
        .with_filters([WatchFilterType::NoPut, WatchFilterType::NoDelete])
        .with_prev_key()
        .with_watch_id(1)
        .with_fragment();
    let mut stream: WatchStream = client.watch("k", Some(options)).await?;
    stream.request_progress().await?;
    while let Some(response) = stream.message().await? {
        let response: WatchResponse = response;
        let _: (i64, bool, bool) = (response.watch_id(), response.created(), response.canceled());
        let _: (i64, &str) = (response.compact_revision(), response.cancel_reason());
        for event in response.events() {
            let event: &Event = event;
            match event.event_type() {
                EventType::Put => event.kv().map(pair).transpose()?,
                EventType::Delete => event.prev_kv().map(pair).transpose()?,
            };
        }
    }
    let (mut sender, mut responses): (WatchRequestSender, WatchResponseStream) = stream.split();
    sender.watch("other", None).await?;
    sender.cancel(1).await?;
    sender.request_progress().await?;
    responses.message().await?;
    let as_stream: &mut (dyn futures::Stream<Item = Result<WatchResponse>> + Send + Unpin) = &mut responses;
    futures::StreamExt::next(as_stream).await;
    Ok(())
}

async fn lease(mut client: Client) -> Result<()> {
    let granted: LeaseGrantResponse =
        client.lease_grant(10, Some(LeaseGrantOptions::new().with_id(7))).await?;
    let _: (i64, i64, &str) = (granted.ttl(), granted.id(), granted.error());
    let (mut keeper, mut answers): (LeaseKeeper, LeaseKeepAliveStream) = client.lease_keep_alive(7).await?;
    keeper.keep_alive().await?;
    let _: i64 = keeper.id();
    if let Some(answer) = answers.message().await? {
        let answer: LeaseKeepAliveResponse = answer;
        let _: (i64, i64) = (answer.ttl(), answer.id());
    }
    let options = LeaseTimeToLiveOptions::new().with_keys();
    let told: LeaseTimeToLiveResponse = client.lease_time_to_live(7, Some(options)).await?;
    let _: (i64, i64, i64, &[Vec<u8>]) = (told.ttl(), told.id(), told.granted_ttl(), told.keys());
    let listed: LeaseLeasesResponse = client.leases().await?;
    let _: Vec<i64> = listed.leases().iter().map(LeaseStatus::id).collect();
    let _: LeaseRevokeResponse = client.lease_revoke(7).await?;
    Ok(())
}

async fn lock_and_election(mut client: Client) -> Result<()> {
    let locked: LockResponse = client.lock("l", Some(LockOptions::new().with_lease(1))).await?;
    let _: UnlockResponse = client.unlock(locked.key()).await?;

    let mut campaign: CampaignResponse = client.campaign("e", "v", 1).await?;
    let leader: LeaderKey = campaign.leader().unwrap().clone();
    let _: Option<LeaderKey> = campaign.take_leader();
    let _: (&[u8], &[u8], i64, i64) = (leader.name(), leader.key(), leader.rev(), leader.lease());
    let _: (&str, &str) = (leader.name_str()?, leader.key_str()?);
    let _: (&str, &str) = (leader.name_str_unchecked(), leader.key_str_unchecked());
    let built = LeaderKey::new().with_name("e").with_key("k").with_rev(1).with_lease(1);
    let options = ProclaimOptions::new().with_leader(built.clone());
    let _: ProclaimResponse = client.proclaim("v2", Some(options)).await?;
    let mut led: LeaderResponse = client.leader("e").await?;
    led.kv().map(pair).transpose()?;
    let _: Option<KeyValue> = led.take_kv();
    let mut observed: ObserveStream = client.observe("e").await?;
    let _: Option<LeaderResponse> = observed.message().await?;
    let _: ResignResponse = client.resign(Some(ResignOptions::new().with_leader(built))).await?;
    Ok(())
}

async fn users(mut client: Client) -> Result<()> {
    let _: (AuthEnableResponse, AuthDisableResponse) =
        (client.auth_enable().await?, client.auth_disable().await?);
    let _: RoleAddResponse = client.role_add("role").await?;
    let permission = Permission::new(PermissionType::Readwrite, "k").with_range_end("z");
    let _: RoleGrantPermissionResponse = client.role_grant_permission("role", permission).await?;
    client.role_grant_permission("role", Permission::read("k").with_prefix()).await?;
    client.role_grant_permission("role", Permission::write("k").with_from_key()).await?;
    client.role_grant_permission("role", Permission::read_write("k").with_all_keys()).await?;
    let told: RoleGetResponse = client.role_get("role").await?;
    for permission in told.permissions() {
        let _: (&[u8], &[u8], i32) = (permission.key(), permission.range_end(), permission.get_type());
        let _: (&str, &str) = (permission.key_str()?, permission.range_end_str()?);
        let _: (&str, &str) = (permission.key_str_unchecked(), permission.range_end_str_unchecked());
        let _: (bool, bool) = (permission.is_from_key(), permission.is_prefix());
    }
    let listed: RoleListResponse = client.role_list().await?;
    let _: &[String] = listed.roles();
    let options =
        RoleRevokePermissionOptions::new().with_range_end("z").with_prefix().with_from_key().with_all_keys();
    let _: RoleRevokePermissionResponse = client.role_revoke_permission("role", "k", Some(options)).await?;
    let _: UserAddResponse = client.user_add("user", "", Some(UserAddOptions::new().with_no_pwd())).await?;
    let told: UserGetResponse = client.user_get("user").await?;
    let _: &[String] = told.roles();
    let listed: UserListResponse = client.user_list().await?;
    let _: &[String] = listed.users();
    let _: UserChangePasswordResponse = client.user_change_password("user", "secret").await?;
    let _: UserGrantRoleResponse = client.user_grant_role("user", "role").await?;
    let _: UserRevokeRoleResponse = client.user_revoke_role("user", "role").await?;
    let _: (UserDeleteResponse, RoleDeleteResponse) =
        (client.user_delete("user").await?, client.role_delete("role").await?);
    Ok(())
}

async fn cluster_and_maintenance(mut client: Client) -> Result<()> {
    let options = MemberAddOptions::new().with_is_learner();
    let added: MemberAddResponse = client.member_add(["http://a:2380"], Some(options)).await?;
    let member: &Member = added.member().unwrap();
    let _: (u64, &str, bool) = (member.id(), member.name(), member.is_learner());
    let _: (&[String], &[String], &[Member]) =
        (member.peer_urls(), member.client_urls(), added.member_list());
    let updated: MemberUpdateResponse = client.member_update(1, vec!["http://a:2380".to_owned()]).await?;
    let promoted: MemberPromoteResponse = client.member_promote(1).await?;
    let removed: MemberRemoveResponse = client.member_remove(1).await?;
    let listed: MemberListResponse = client.member_list().await?;
    let _: [&[Member]; 4] = [updated.members(), promoted.members(), removed.members(), listed.members()];

    let mut options = AlarmOptions::new();
    options.with_member(1);
    let alarms: AlarmResponse = client.alarm(AlarmAction::Get, AlarmType::None, Some(options)).await?;
    for alarm in alarms.alarms() {
        let alarm: &AlarmMember = alarm;
        let _: (u64, bool) = (alarm.member_id(), alarm.alarm() == AlarmType::Nospace);
    }
    let status: StatusResponse = client.status().await?;
    let _: (&str, i64, u64, u64, u64) =
        (status.version(), status.db_size(), status.leader(), status.raft_index(), status.raft_term());
    let _: (u64, &[String], i64, bool) =
        (status.raft_applied_index(), status.errors(), status.raft_used_db_size(), status.is_learner());
    let _: DefragmentResponse = client.defragment().await?;
    let hash: HashResponse = client.hash().await?;
    let hash_kv: HashKvResponse = client.hash_kv(0).await?;
    let _: (u32, u32, i64) = (hash.hash(), hash_kv.hash(), hash_kv.compact_version());
    let mut snapshot: SnapshotStreaming = client.snapshot().await?;
    while let Some(part) = snapshot.message().await? {
        let part: SnapshotResponse = part;
        let _: (u64, &[u8]) = (part.remaining_bytes(), part.blob());
    }
    let _: MoveLeaderResponse = client.move_leader(1).await?;
    Ok(())
}

async fn namespaces(client: Client) -> Result<()> {
    let mut kv = KvClientPrefix::new(client.kv_client(), "prefix/".into());
    kv.put("k", "v", None).await?;
    kv.get("k", None).await?;
    kv.delete("k", None).await?;
    kv.txn(Txn::new()).await?;
    let mut lease = LeaseClientPrefix::new(client.lease_client(), b"prefix/".to_vec());
    lease.time_to_live(1, None).await?;
    Ok(())
}

fn errors(error: Error) -> String {
    match error {
        Error::InvalidArgs(text)
        | Error::WatchError(text)
        | Error::LeaseKeepAliveError(text)
        | Error::ElectError(text)
        | Error::EndpointError(text)
        | Error::Internal(text) => text,
        Error::InvalidUri(error) => error.to_string(),
        Error::IoError(error) => error.to_string(),
        Error::TransportError(error) => error.to_string(),
        Error::GRpcStatus(status) => format!("{:?} {}", status.code(), status.message()),
        Error::Utf8Error(error) => error.to_string(),
        Error::InvalidMetadataValue(error) => error.to_string(),
        Error::EndpointsNotManaged => String::new(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn calls_can_be_made_from_any_task() {
    fn movable<T: Send>(_: &impl Fn(Client) -> T) {}
    movable(&services);
    movable(&kv);
    movable(&txn);
    movable(&watch);
    movable(&lease);
    movable(&lock_and_election);
    movable(&users);
    movable(&cluster_and_maintenance);
    movable(&namespaces);
}
