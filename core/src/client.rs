//! One object for all services, and the connection they share.

use std::time::Duration;

use crate::auth::*;
use crate::balancer::Balancer;
use crate::channel::{BalancedChannelBuilder, Channel};
use crate::cluster::*;
use crate::connector::Connector;
use crate::core::Core;
use crate::election::*;
use crate::error::{Error, Result};
use crate::kv::*;
use crate::lease::*;
use crate::lock::*;
use crate::maintenance::*;
use crate::options::ConnectOptions;
use crate::txn::{Txn, TxnResponse};
use crate::watch::*;

/// The name of an endpoint that has no address.
const IN_PROCESS: &str = "in-process";

/// Changes of endpoints that a balanced channel may not have taken notice of yet.
const CHANGES_MAX: usize = 64;

/// A client of an etcd cluster. Cheap to clone; clones share connections, token, watch stream and keep-alive stream.
///
/// Every call that ends by itself has a time limit ([`ConnectOptions::with_timeout`], 5 s by default). A read is
/// repeated, at other endpoints too, when it failed for a passing reason. A write is repeated only if it provably
/// never reached a server; when it may have been executed, the error says so
/// ([`Error::outcome_unknown`](crate::Error::outcome_unknown)).
///
/// ```no_run
/// # async fn example() -> etcdkit::Result<()> {
/// let client = etcdkit::Client::connect(["localhost:2379"], None).await?;
/// client.put("greeting", "hello", None).await?;
/// let response = client.get("greeting", None).await?;
/// assert_eq!(response.kvs()[0].value_str()?, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    core: Core,
}

impl Client {
    /// Makes a client of the servers at these endpoints, written as `host:port`, `http://host:port` or `unix:path`.
    ///
    /// Connections are made when they are needed. With a user, the login happens now, so that a wrong password shows
    /// here.
    pub async fn connect<E: AsRef<str>, S: AsRef<[E]>>(
        endpoints: S,
        options: Option<ConnectOptions>,
    ) -> Result<Self> {
        let options = options.unwrap_or_default();
        let balancer = Balancer::new(endpoints.as_ref(), &options)?;
        Self::start(balancer, options).await
    }

    /// Makes a client of one server that is reached through a connector, such as an embedded server of this process:
    ///
    /// ```ignore
    /// let server = etcdkit_server::Server::builder().memory().in_process().start().await?;
    /// let way = server.in_process();
    /// let connector = Connector::new(move |_| { let way = way.clone(); async move { way.connect().await } });
    /// let client = Client::connect_through(connector, None).await?;
    /// ```
    pub async fn connect_through(connector: Connector, options: Option<ConnectOptions>) -> Result<Self> {
        let options = options.unwrap_or_default().with_connector(connector);
        Self::connect([IN_PROCESS], Some(options)).await
    }

    /// Makes a client that leaves the choice of endpoints to a channel that balances over them, and tells it of
    /// [`add_endpoint`](Self::add_endpoint) and [`remove_endpoint`](Self::remove_endpoint).
    ///
    /// [`connect`](Self::connect) knows more about its endpoints: it passes over those that fail, and a read has time
    /// left for another one. This is for channels with needs of their own.
    pub async fn connect_with_balanced_channel<E, S, MBC>(
        endpoints: S,
        options: Option<ConnectOptions>,
        make_balanced_channel: MBC,
    ) -> Result<Self>
    where
        E: AsRef<str>,
        S: AsRef<[E]>,
        MBC: BalancedChannelBuilder,
        Error: From<MBC::Error>,
    {
        let options = options.unwrap_or_default();
        let endpoints = endpoints.as_ref();
        // The channel takes the first changes when it is first used, so there must be room for all of them.
        let room = endpoints.len() + CHANGES_MAX;
        let (channel, updates) = make_balanced_channel.balanced_channel(room)?;
        let balancer = Balancer::delegated(channel, updates);
        for endpoint in endpoints {
            balancer.add(endpoint.as_ref(), &options).await?;
        }
        Self::start(balancer, options).await
    }

    /// Makes a client that speaks through a channel made elsewhere: one of the transport, or a service of the
    /// caller's. Its endpoints cannot be changed.
    pub async fn from_channel(channel: impl Into<Channel>, options: Option<ConnectOptions>) -> Result<Self> {
        Self::start(Balancer::fixed(channel.into()), options.unwrap_or_default()).await
    }

    pub(crate) async fn start(balancer: Balancer, options: ConnectOptions) -> Result<Self> {
        let core = Core::new(balancer, options)?;
        if core.tokens().user().is_some() {
            core.login(core.tokens().current().login).await?;
        }
        Ok(Self { core })
    }

    /// The same client with another time limit for the calls made through this handle.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { core: self.core.with_timeout(Some(timeout)) }
    }

    /// The same client in a namespace: every key, range, lock and election of calls made through this handle starts
    /// with the prefix, which is neither given nor seen. Namespaces nest. Users, members and maintenance are those of
    /// the whole cluster.
    ///
    /// ```no_run
    /// # async fn example(client: etcdkit::Client) -> etcdkit::Result<()> {
    /// let app = client.with_namespace("app/");
    /// app.put("color", "blue", None).await?; // writes app/color
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_namespace(&self, prefix: impl AsRef<[u8]>) -> Self {
        Self { core: self.core.within(prefix.as_ref()) }
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// The endpoints, as they were given.
    pub fn endpoints(&self) -> Vec<String> {
        self.core.balancer().names()
    }

    /// Adds an endpoint.
    pub async fn add_endpoint<E: AsRef<str>>(&self, endpoint: E) -> Result<()> {
        self.core.balancer().add(endpoint.as_ref(), self.core.options()).await
    }

    /// Removes an endpoint. Calls in flight on it go on.
    pub async fn remove_endpoint<E: AsRef<str>>(&self, endpoint: E) -> Result<()> {
        self.core.balancer().remove(endpoint.as_ref(), self.core.options()).await
    }

    /// Logs in again, whatever the state of the present token.
    pub async fn refresh_token(&self) -> Result<()> {
        self.core.login(self.core.tokens().current().login).await
    }

    /// Changes the user and logs in as the new one; `None` goes on without a user.
    pub async fn update_user(&self, user: Option<(String, String)>) -> Result<()> {
        self.core.tokens().set_user(user);
        self.refresh_token().await
    }

    /// The key-value service alone.
    pub fn kv_client(&self) -> KvClient {
        KvClient::new(self.core.clone())
    }

    /// The watch service alone.
    pub fn watch_client(&self) -> WatchClient {
        WatchClient::new(self.core.clone())
    }

    /// The lease service alone.
    pub fn lease_client(&self) -> LeaseClient {
        LeaseClient::new(self.core.clone())
    }

    /// The auth service alone.
    pub fn auth_client(&self) -> AuthClient {
        AuthClient::new(self.core.clone())
    }

    /// The maintenance service alone.
    pub fn maintenance_client(&self) -> MaintenanceClient {
        MaintenanceClient::new(self.core.clone())
    }

    /// The cluster service alone.
    pub fn cluster_client(&self) -> ClusterClient {
        ClusterClient::new(self.core.clone())
    }

    /// The lock service alone.
    pub fn lock_client(&self) -> LockClient {
        LockClient::new(self.core.clone())
    }

    /// The election service alone.
    pub fn election_client(&self) -> ElectionClient {
        ElectionClient::new(self.core.clone())
    }

    /// Writes a key; see [`KvClient::put`].
    pub async fn put(
        &self,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        options: Option<PutOptions>,
    ) -> Result<PutResponse> {
        self.kv_client().put(key, value, options).await
    }

    /// Reads a key or a range of keys; see [`KvClient::get`].
    pub async fn get(&self, key: impl Into<Vec<u8>>, options: Option<GetOptions>) -> Result<GetResponse> {
        self.kv_client().get(key, options).await
    }

    /// Reads a range in chunks; see [`KvClient::get_stream`].
    pub async fn get_stream(
        &self,
        key: impl Into<Vec<u8>>,
        options: Option<GetOptions>,
    ) -> Result<GetStream> {
        self.kv_client().get_stream(key, options).await
    }

    /// Deletes a key or a range of keys; see [`KvClient::delete`].
    pub async fn delete(
        &self,
        key: impl Into<Vec<u8>>,
        options: Option<DeleteOptions>,
    ) -> Result<DeleteResponse> {
        self.kv_client().delete(key, options).await
    }

    /// Drops the history below a revision; see [`KvClient::compact`].
    pub async fn compact(
        &self,
        revision: i64,
        options: Option<CompactionOptions>,
    ) -> Result<CompactionResponse> {
        self.kv_client().compact(revision, options).await
    }

    /// Runs a transaction; see [`KvClient::txn`].
    pub async fn txn(&self, txn: Txn) -> Result<TxnResponse> {
        self.kv_client().txn(txn).await
    }

    /// Watches a key or a range of keys; see [`WatchClient::watch`].
    pub async fn watch(&self, key: impl Into<Vec<u8>>, options: Option<WatchOptions>) -> Result<WatchStream> {
        self.watch_client().watch(key, options).await
    }

    /// Creates a lease; see [`LeaseClient::grant`].
    pub async fn lease_grant(
        &self,
        ttl: i64,
        options: Option<LeaseGrantOptions>,
    ) -> Result<LeaseGrantResponse> {
        self.lease_client().grant(ttl, options).await
    }

    /// Ends a lease; see [`LeaseClient::revoke`].
    pub async fn lease_revoke(&self, id: i64) -> Result<LeaseRevokeResponse> {
        self.lease_client().revoke(id).await
    }

    /// Renews a lease; see [`LeaseClient::keep_alive`].
    pub async fn lease_keep_alive(&self, id: i64) -> Result<(LeaseKeeper, LeaseKeepAliveStream)> {
        self.lease_client().keep_alive(id).await
    }

    /// Tells what is left of a lease; see [`LeaseClient::time_to_live`].
    pub async fn lease_time_to_live(
        &self,
        id: i64,
        options: Option<LeaseTimeToLiveOptions>,
    ) -> Result<LeaseTimeToLiveResponse> {
        self.lease_client().time_to_live(id, options).await
    }

    /// Lists the leases; see [`LeaseClient::leases`].
    pub async fn leases(&self) -> Result<LeaseLeasesResponse> {
        self.lease_client().leases().await
    }

    /// Waits for a lock of the lock service; see [`LockClient::lock`].
    pub async fn lock(&self, name: impl Into<Vec<u8>>, options: Option<LockOptions>) -> Result<LockResponse> {
        self.lock_client().lock(name, options).await
    }

    /// Releases a lock of the lock service; see [`LockClient::unlock`].
    pub async fn unlock(&self, key: impl Into<Vec<u8>>) -> Result<UnlockResponse> {
        self.lock_client().unlock(key).await
    }

    /// Switches authentication on.
    pub async fn auth_enable(&self) -> Result<AuthEnableResponse> {
        self.auth_client().auth_enable().await
    }

    /// Switches authentication off.
    pub async fn auth_disable(&self) -> Result<AuthDisableResponse> {
        self.auth_client().auth_disable().await
    }

    /// Tells whether authentication is on.
    pub async fn auth_status(&self) -> Result<AuthStatusResponse> {
        self.auth_client().auth_status().await
    }

    /// Adds a role.
    pub async fn role_add(&self, name: impl Into<String>) -> Result<RoleAddResponse> {
        self.auth_client().role_add(name).await
    }

    /// Deletes a role.
    pub async fn role_delete(&self, name: impl Into<String>) -> Result<RoleDeleteResponse> {
        self.auth_client().role_delete(name).await
    }

    /// Tells the permissions of a role.
    pub async fn role_get(&self, name: impl Into<String>) -> Result<RoleGetResponse> {
        self.auth_client().role_get(name).await
    }

    /// Lists the roles.
    pub async fn role_list(&self) -> Result<RoleListResponse> {
        self.auth_client().role_list().await
    }

    /// Gives a permission to a role.
    pub async fn role_grant_permission(
        &self,
        name: impl Into<String>,
        perm: Permission,
    ) -> Result<RoleGrantPermissionResponse> {
        self.auth_client().role_grant_permission(name, perm).await
    }

    /// Takes a permission from a role.
    pub async fn role_revoke_permission(
        &self,
        name: impl Into<String>,
        key: impl Into<Vec<u8>>,
        options: Option<RoleRevokePermissionOptions>,
    ) -> Result<RoleRevokePermissionResponse> {
        self.auth_client().role_revoke_permission(name, key, options).await
    }

    /// Adds a user.
    pub async fn user_add(
        &self,
        name: impl Into<String>,
        password: impl Into<String>,
        options: Option<UserAddOptions>,
    ) -> Result<UserAddResponse> {
        self.auth_client().user_add(name, password, options).await
    }

    /// Tells the roles of a user.
    pub async fn user_get(&self, name: impl Into<String>) -> Result<UserGetResponse> {
        self.auth_client().user_get(name).await
    }

    /// Lists the users.
    pub async fn user_list(&self) -> Result<UserListResponse> {
        self.auth_client().user_list().await
    }

    /// Deletes a user.
    pub async fn user_delete(&self, name: impl Into<String>) -> Result<UserDeleteResponse> {
        self.auth_client().user_delete(name).await
    }

    /// Changes a user's password.
    pub async fn user_change_password(
        &self,
        name: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<UserChangePasswordResponse> {
        self.auth_client().user_change_password(name, password).await
    }

    /// Gives a role to a user.
    pub async fn user_grant_role(
        &self,
        user: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<UserGrantRoleResponse> {
        self.auth_client().user_grant_role(user, role).await
    }

    /// Takes a role from a user.
    pub async fn user_revoke_role(
        &self,
        user: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<UserRevokeRoleResponse> {
        self.auth_client().user_revoke_role(user, role).await
    }

    /// Lists, raises or clears alarms.
    pub async fn alarm(
        &self,
        alarm_action: AlarmAction,
        alarm_type: AlarmType,
        options: Option<AlarmOptions>,
    ) -> Result<AlarmResponse> {
        self.maintenance_client().alarm(alarm_action, alarm_type, options).await
    }

    /// Tells how a member is doing.
    pub async fn status(&self) -> Result<StatusResponse> {
        self.maintenance_client().status().await
    }

    /// Gives free storage of a member back to the file system.
    pub async fn defragment(&self) -> Result<DefragmentResponse> {
        self.maintenance_client().defragment().await
    }

    /// Hashes the whole storage of a member.
    pub async fn hash(&self) -> Result<HashResponse> {
        self.maintenance_client().hash().await
    }

    /// Hashes the keys up to a revision; 0 is the newest.
    pub async fn hash_kv(&self, revision: i64) -> Result<HashKvResponse> {
        self.maintenance_client().hash_kv(revision).await
    }

    /// Streams a copy of a member's storage.
    pub async fn snapshot(&self) -> Result<SnapshotStreaming> {
        self.maintenance_client().snapshot().await
    }

    /// Hands leadership to another member.
    pub async fn move_leader(&self, target_id: u64) -> Result<MoveLeaderResponse> {
        self.maintenance_client().move_leader(target_id).await
    }

    /// Removes a member.
    pub async fn member_remove(&self, id: u64) -> Result<MemberRemoveResponse> {
        self.cluster_client().member_remove(id).await
    }

    /// Changes the peer URLs of a member.
    pub async fn member_update(&self, id: u64, url: impl Into<Vec<String>>) -> Result<MemberUpdateResponse> {
        self.cluster_client().member_update(id, url).await
    }

    /// Makes a learner a voting member.
    pub async fn member_promote(&self, id: u64) -> Result<MemberPromoteResponse> {
        self.cluster_client().member_promote(id).await
    }

    /// Lists the members.
    pub async fn member_list(&self) -> Result<MemberListResponse> {
        self.cluster_client().member_list().await
    }

    /// Waits until the caller leads an election of the election service; see [`ElectionClient::campaign`].
    pub async fn campaign(
        &self,
        name: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        lease: i64,
    ) -> Result<CampaignResponse> {
        self.election_client().campaign(name, value, lease).await
    }

    /// Changes the value of the leader; see [`ElectionClient::proclaim`].
    pub async fn proclaim(
        &self,
        value: impl Into<Vec<u8>>,
        options: Option<ProclaimOptions>,
    ) -> Result<ProclaimResponse> {
        self.election_client().proclaim(value, options).await
    }

    /// Tells the leader of an election.
    pub async fn leader(&self, name: impl Into<Vec<u8>>) -> Result<LeaderResponse> {
        self.election_client().leader(name).await
    }

    /// Streams the leader of an election and every change of it.
    pub async fn observe(&self, name: impl Into<Vec<u8>>) -> Result<ObserveStream> {
        self.election_client().observe(name).await
    }

    /// Gives leadership up.
    pub async fn resign(&self, option: Option<ResignOptions>) -> Result<ResignResponse> {
        self.election_client().resign(option).await
    }

    /// Adds a member; see [`ClusterClient::member_add`].
    pub async fn member_add<E: AsRef<str>, S: AsRef<[E]>>(
        &self,
        urls: S,
        options: Option<MemberAddOptions>,
    ) -> Result<MemberAddResponse> {
        let urls: Vec<String> = urls.as_ref().iter().map(|url| url.as_ref().to_owned()).collect();
        self.cluster_client().member_add(urls, options).await
    }

    /// Keeps a lease of `ttl` seconds alive until the returned object is dropped; see [`LeaseClient::keep`].
    pub fn keep_alive(&self, id: i64, ttl: i64) -> KeepAlive {
        self.lease_client().keep(id, ttl)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("endpoints", &self.endpoints()).finish_non_exhaustive()
    }
}
