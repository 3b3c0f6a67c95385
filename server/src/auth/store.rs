//! Users, roles and the switch, as the log makes them.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::authpb::{Permission, Role, User, UserAddOptions};
use etcdkit_proto::etcdserverpb::{
    AuthRoleAddRequest, AuthRoleDeleteRequest, AuthRoleGrantPermissionRequest,
    AuthRoleRevokePermissionRequest, AuthUserAddRequest, AuthUserChangePasswordRequest,
    AuthUserDeleteRequest, AuthUserGrantRoleRequest, AuthUserRevokeRoleRequest,
};
use parking_lot::{RwLock, RwLockReadGuard};
use prost::Message;
use tokio::sync::watch;

use super::rights::{Rights, is_grantable};
use super::{ROOT, SimpleTokens};
use crate::backend::{Backend, BackendError, BackendWriter, Table};
use crate::command::{Applied, AuthOperation, Authenticate};

pub(crate) const ENABLED: &[u8] = b"enabled";
pub(crate) const REVISION: &[u8] = b"revision";
const USERS: &str = "user/";
const ROLES: &str = "role/";

/// The auth revision of a store in which nothing has happened.
const FIRST_REVISION: u64 = 1;

/// Where a user is stored.
pub(crate) fn user_key(name: &str) -> Vec<u8> {
    format!("{USERS}{name}").into_bytes()
}

/// Where a role is stored.
pub(crate) fn role_key(name: &str) -> Vec<u8> {
    format!("{ROLES}{name}").into_bytes()
}

/// The stored users and roles cannot be read at start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A record does not read back.
    #[error(
        "the stored user or role {key:?} cannot be read ({reason}); restore the data directory from a snapshot"
    )]
    Record {
        /// The key of the record.
        key: Bytes,
        /// What is wrong with it.
        reason: String,
    },
}

/// Users, roles and rights. One thread, that of the state machine, changes them; any may ask.
#[derive(Debug)]
pub struct AuthStore {
    state: RwLock<State>,
    /// The switch once more, for the many who only ask whether it is on.
    enabled: AtomicBool,
    /// The tokens that were given; ended with the users they name.
    pub(super) tokens: SimpleTokens,
    /// Tells the auth revision after each change, and each turn of the switch.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) enabled: bool,
    pub(super) revision: u64,
    users: BTreeMap<String, User>,
    roles: BTreeMap<String, Role>,
    /// What each user may do; made anew after each change.
    pub(super) rights: HashMap<String, Rights>,
}

impl State {
    fn merge_rights(&mut self) {
        let rights_of = |user: &User| {
            let roles = user.roles.iter().filter_map(|name| self.roles.get(name));
            let permissions = roles.flat_map(|role| &role.key_permission);
            Rights::merge(user.roles.iter().any(|role| role == ROOT), permissions)
        };
        self.rights = self.users.iter().map(|(name, user)| (name.clone(), rights_of(user))).collect();
    }
}

/// What a password is compared with.
#[derive(Clone, Debug)]
pub struct StoredPassword {
    /// The bcrypt hash.
    pub hash: Bytes,
    /// The auth revision at which it was read.
    pub revision: u64,
}

/// Why there is no password to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPassword {
    /// Nobody logs in while authentication is off.
    NotEnabled,
    /// There is no such user.
    Unknown,
    /// The user has none, and logs in by certificate alone.
    ByCertificate,
}

impl AuthStore {
    /// Reads users and roles from the backend.
    ///
    /// # Errors
    /// What the backend says, and a record that does not read back.
    pub fn open(backend: &Backend, token_ttl_ms: u64) -> Result<Self, OpenError> {
        let mut state = State { revision: FIRST_REVISION, ..State::default() };
        let mut damaged = None;
        backend.visit(Table::Auth, Bound::Unbounded, Bound::Unbounded, |key, value| {
            match read_record(&mut state, key, value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(reason) => {
                    damaged = Some(OpenError::Record { key: Bytes::copy_from_slice(key), reason });
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(damaged) = damaged {
            return Err(damaged);
        }
        state.merge_rights();
        let (enabled, changes) = (AtomicBool::new(state.enabled), watch::Sender::new(state.revision));
        Ok(AuthStore { state: RwLock::new(state), enabled, tokens: SimpleTokens::new(token_ttl_ms), changes })
    }

    /// Takes over the users and roles of another member. Tokens are kept: they are in no backend.
    pub(crate) fn adopt(&self, other: AuthStore) {
        let other = other.state.into_inner();
        let (enabled, revision) = (other.enabled, other.revision);
        *self.state.write() = other;
        self.enabled.store(enabled, Ordering::Release);
        self.changes.send_replace(revision);
    }

    /// Whether callers need to be known. Cheap.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    /// The auth revision.
    pub fn revision(&self) -> u64 {
        self.state.read().revision
    }

    /// Follows changes of users, roles, rights and of the switch.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The tokens that were given.
    pub fn tokens(&self) -> &SimpleTokens {
        &self.tokens
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    /// What the password of a user is compared with.
    pub fn password(&self, name: &str) -> Result<StoredPassword, NoPassword> {
        let state = self.state.read();
        if !state.enabled {
            return Err(NoPassword::NotEnabled);
        }
        let user = state.users.get(name).ok_or(NoPassword::Unknown)?;
        if has_no_password(user) {
            return Err(NoPassword::ByCertificate);
        }
        Ok(StoredPassword { hash: user.password.clone(), revision: state.revision })
    }

    /// The roles of a user, in order.
    pub fn user_roles(&self, name: &str) -> Result<Vec<String>, EtcdError> {
        let state = self.state.read();
        state.users.get(name).map(|user| user.roles.clone()).ok_or(EtcdError::UserNotFound)
    }

    /// All users, in order.
    pub fn user_names(&self) -> Vec<String> {
        self.state.read().users.keys().cloned().collect()
    }

    /// The rights a role gives. The role root, once it is stored, answers with everything.
    pub fn role_permissions(&self, name: &str) -> Result<Vec<Permission>, EtcdError> {
        let state = self.state.read();
        let role = state.roles.get(name).ok_or(EtcdError::RoleNotFound)?;
        if name == ROOT {
            return Ok(vec![everything()]);
        }
        Ok(role.key_permission.clone())
    }

    /// All roles, in order.
    pub fn role_names(&self) -> Vec<String> {
        self.state.read().roles.keys().cloned().collect()
    }

    /// Applies a command, in the run that is being written; `index` is its place in the log.
    ///
    /// # Errors
    /// Those of the API.
    pub fn apply(
        &self,
        run: &mut BackendWriter<'_>,
        operation: &AuthOperation,
        index: u64,
    ) -> Result<Applied, EtcdError> {
        let mut change = Change { state: self.state.write(), tokens: &self.tokens, run };
        let before = (change.state.enabled, change.state.revision);
        let applied = match operation {
            AuthOperation::Enable(_) => change.enable(),
            AuthOperation::Disable(_) => change.disable(),
            AuthOperation::Authenticate(request) => return change.authenticate(request, index),
            AuthOperation::UserAdd(request) => change.user_add(request),
            AuthOperation::UserDelete(request) => change.user_delete(request),
            AuthOperation::UserChangePassword(request) => change.user_change_password(request),
            AuthOperation::UserGrantRole(request) => change.user_grant_role(request),
            AuthOperation::UserRevokeRole(request) => change.user_revoke_role(request),
            AuthOperation::RoleAdd(request) => change.role_add(request),
            AuthOperation::RoleDelete(request) => change.role_delete(request),
            AuthOperation::RoleGrantPermission(request) => change.role_grant(request),
            AuthOperation::RoleRevokePermission(request) => change.role_revoke(request),
        };
        applied?;
        let after = (change.state.enabled, change.state.revision);
        if before != after {
            change.state.merge_rights();
            self.enabled.store(after.0, Ordering::Release);
            drop(change);
            self.changes.send_replace(after.1);
        }
        Ok(Applied::Auth)
    }
}

fn read_record(state: &mut State, key: &[u8], value: &[u8]) -> Result<(), String> {
    match key {
        ENABLED => state.enabled = value == [1],
        REVISION => {
            let bytes = value.try_into().map_err(|_| "a revision has 8 bytes".to_owned())?;
            state.revision = u64::from_be_bytes(bytes);
        }
        key => {
            let name = std::str::from_utf8(key).map_err(|error| error.to_string())?;
            let reason = |error: prost::DecodeError| error.to_string();
            if let Some(name) = name.strip_prefix(USERS) {
                state.users.insert(name.to_owned(), User::decode(value).map_err(reason)?);
            } else if let Some(name) = name.strip_prefix(ROLES) {
                state.roles.insert(name.to_owned(), Role::decode(value).map_err(reason)?);
            } else {
                return Err("it is of no kind this version knows".to_owned());
            }
        }
    }
    Ok(())
}

fn has_no_password(user: &User) -> bool {
    user.options.as_ref().is_some_and(|options| options.no_password)
}

/// What the role root grants, as etcd spells it.
fn everything() -> Permission {
    use etcdkit_proto::authpb::permission::Type;
    Permission { perm_type: Type::Readwrite as i32, key: Bytes::new(), range_end: Bytes::from_static(b"\0") }
}

/// One command at work.
struct Change<'a, 'w, 'b> {
    state: parking_lot::RwLockWriteGuard<'a, State>,
    tokens: &'a SimpleTokens,
    run: &'w mut BackendWriter<'b>,
}

type Done = Result<(), EtcdError>;

impl Change<'_, '_, '_> {
    fn count(&mut self) {
        self.state.revision += 1;
        self.run.put(Table::Auth, REVISION, self.state.revision.to_be_bytes().to_vec());
    }

    fn switch(&mut self, enabled: bool) {
        self.state.enabled = enabled;
        self.run.put(Table::Auth, ENABLED, vec![u8::from(enabled)]);
    }

    fn put_user(&mut self, name: &str, user: User) {
        self.run.put(Table::Auth, format!("{USERS}{name}"), user.encode_to_vec());
        self.state.users.insert(name.to_owned(), user);
    }

    fn put_role(&mut self, name: &str, role: Role) {
        self.run.put(Table::Auth, format!("{ROLES}{name}"), role.encode_to_vec());
        self.state.roles.insert(name.to_owned(), role);
    }

    fn user(&self, name: &str) -> Result<User, EtcdError> {
        self.state.users.get(name).cloned().ok_or(EtcdError::UserNotFound)
    }

    fn role(&self, name: &str) -> Result<Role, EtcdError> {
        self.state.roles.get(name).cloned().ok_or(EtcdError::RoleNotFound)
    }

    fn enable(&mut self) -> Done {
        if self.state.enabled {
            return Ok(());
        }
        let root = self.state.users.get(ROOT).ok_or(EtcdError::RootUserNotExist)?;
        if !root.roles.iter().any(|role| role == ROOT) {
            return Err(EtcdError::RootRoleNotExist);
        }
        self.switch(true);
        Ok(())
    }

    fn disable(&mut self) -> Done {
        if !self.state.enabled {
            return Ok(());
        }
        self.switch(false);
        self.count();
        self.tokens.clear();
        Ok(())
    }

    /// The edge has compared the password; here it is settled that the user is still there.
    fn authenticate(&mut self, request: &Authenticate, index: u64) -> Result<Applied, EtcdError> {
        if !self.state.enabled {
            return Err(EtcdError::AuthNotEnabled);
        }
        let user = self.state.users.get(&request.name).ok_or(EtcdError::AuthFailed)?;
        if has_no_password(user) {
            return Err(EtcdError::AuthFailed);
        }
        let mut token = String::new();
        if !request.token_prefix.is_empty() {
            token = format!("{}.{index}", request.token_prefix);
            self.tokens.assign(token.clone(), request.name.clone());
        }
        Ok(Applied::Authenticated { token, revision: self.state.revision })
    }

    fn user_add(&mut self, request: &AuthUserAddRequest) -> Done {
        if request.name.is_empty() {
            return Err(EtcdError::UserEmpty);
        }
        if self.state.users.contains_key(&request.name) {
            return Err(EtcdError::UserExist);
        }
        let options = request.options.unwrap_or(UserAddOptions { no_password: false });
        let password =
            if options.no_password { Bytes::new() } else { Bytes::from(request.hashed_password.clone()) };
        let name = Bytes::from(request.name.clone());
        self.put_user(&request.name, User { name, password, roles: vec![], options: Some(options) });
        self.count();
        Ok(())
    }

    fn user_delete(&mut self, request: &AuthUserDeleteRequest) -> Done {
        if self.state.enabled && request.name == ROOT {
            return Err(EtcdError::InvalidAuthManagement);
        }
        if self.state.users.remove(&request.name).is_none() {
            return Err(EtcdError::UserNotFound);
        }
        self.run.delete(Table::Auth, format!("{USERS}{}", request.name));
        self.count();
        self.tokens.end_of_user(&request.name);
        Ok(())
    }

    fn user_change_password(&mut self, request: &AuthUserChangePasswordRequest) -> Done {
        let mut user = self.user(&request.name)?;
        user.password = match has_no_password(&user) {
            true => Bytes::new(),
            false => Bytes::from(request.hashed_password.clone()),
        };
        self.put_user(&request.name, user);
        self.count();
        self.tokens.end_of_user(&request.name);
        Ok(())
    }

    fn user_grant_role(&mut self, request: &AuthUserGrantRoleRequest) -> Done {
        let mut user = self.user(&request.user)?;
        // The role root gives its rights by its name and need not be stored.
        if request.role != ROOT && !self.state.roles.contains_key(&request.role) {
            return Err(EtcdError::RoleNotFound);
        }
        let Err(place) = user.roles.binary_search(&request.role) else { return Ok(()) };
        user.roles.insert(place, request.role.clone());
        self.put_user(&request.user, user);
        self.count();
        Ok(())
    }

    fn user_revoke_role(&mut self, request: &AuthUserRevokeRoleRequest) -> Done {
        if self.state.enabled && request.name == ROOT && request.role == ROOT {
            return Err(EtcdError::InvalidAuthManagement);
        }
        let mut user = self.user(&request.name)?;
        let before = user.roles.len();
        user.roles.retain(|role| *role != request.role);
        if user.roles.len() == before {
            return Err(EtcdError::RoleNotGranted);
        }
        self.put_user(&request.name, user);
        self.count();
        Ok(())
    }

    fn role_add(&mut self, request: &AuthRoleAddRequest) -> Done {
        if request.name.is_empty() {
            return Err(EtcdError::RoleEmpty);
        }
        if self.state.roles.contains_key(&request.name) {
            return Err(EtcdError::RoleExist);
        }
        let role = Role { name: Bytes::from(request.name.clone()), key_permission: vec![] };
        self.put_role(&request.name, role);
        self.count();
        Ok(())
    }

    fn role_delete(&mut self, request: &AuthRoleDeleteRequest) -> Done {
        if self.state.enabled && request.role == ROOT {
            return Err(EtcdError::InvalidAuthManagement);
        }
        if self.state.roles.remove(&request.role).is_none() {
            return Err(EtcdError::RoleNotFound);
        }
        self.run.delete(Table::Auth, format!("{ROLES}{}", request.role));
        let holders: Vec<_> =
            self.state.users.iter().filter(|(_, user)| user.roles.contains(&request.role)).collect();
        let holders: Vec<(String, User)> =
            holders.into_iter().map(|(name, user)| (name.clone(), user.clone())).collect();
        for (name, mut user) in holders {
            user.roles.retain(|role| *role != request.role);
            self.put_user(&name, user);
        }
        self.count();
        Ok(())
    }

    fn role_grant(&mut self, request: &AuthRoleGrantPermissionRequest) -> Done {
        let permission = request.perm.as_ref().ok_or(EtcdError::PermissionNotGiven)?;
        if !is_grantable(&permission.key, &permission.range_end) {
            return Err(EtcdError::InvalidAuthManagement);
        }
        let mut role = self.role(&request.name)?;
        let same = |granted: &&mut Permission| {
            granted.key == permission.key && granted.range_end == permission.range_end
        };
        match role.key_permission.iter_mut().find(same) {
            Some(granted) => granted.perm_type = permission.perm_type,
            None => {
                role.key_permission.push(permission.clone());
                role.key_permission.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
        self.put_role(&request.name, role);
        self.count();
        Ok(())
    }

    fn role_revoke(&mut self, request: &AuthRoleRevokePermissionRequest) -> Done {
        let mut role = self.role(&request.role)?;
        let before = role.key_permission.len();
        role.key_permission
            .retain(|granted| granted.key != request.key || granted.range_end != request.range_end);
        if role.key_permission.len() == before {
            return Err(EtcdError::PermissionNotGranted);
        }
        self.put_role(&request.role, role);
        self.count();
        Ok(())
    }
}
