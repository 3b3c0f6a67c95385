//! Users, roles and permissions.

use etcdkit_proto::authpb;
use etcdkit_proto::etcdserverpb as pb;

pub use authpb::permission::Type as PermissionType;

use crate::core::Core;
use crate::error::Result;
use crate::method;
use crate::range::{KeyRange, ranged};
use crate::response::response;

/// Client of the authentication service.
#[derive(Clone)]
pub struct AuthClient {
    core: Core,
}

impl AuthClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// Switches authentication on. Needs the user `root` with the role `root`.
    pub async fn auth_enable(&self) -> Result<AuthEnableResponse> {
        Ok(self.core.unary(&method::AUTH_ENABLE, pb::AuthEnableRequest {}).await?.into())
    }

    /// Switches authentication off.
    pub async fn auth_disable(&self) -> Result<AuthDisableResponse> {
        Ok(self.core.unary(&method::AUTH_DISABLE, pb::AuthDisableRequest {}).await?.into())
    }

    /// Tells whether authentication is on.
    pub async fn auth_status(&self) -> Result<AuthStatusResponse> {
        Ok(self.core.unary(&method::AUTH_STATUS, pb::AuthStatusRequest {}).await?.into())
    }

    /// Asks for a token. The client does that by itself for the user it connected with.
    pub async fn authenticate(&self, name: String, password: String) -> Result<AuthenticateResponse> {
        Ok(self.core.unary(&method::AUTHENTICATE, pb::AuthenticateRequest { name, password }).await?.into())
    }

    /// Adds a role.
    pub async fn role_add(&self, name: impl Into<String>) -> Result<RoleAddResponse> {
        Ok(self.core.unary(&method::ROLE_ADD, pb::AuthRoleAddRequest { name: name.into() }).await?.into())
    }

    /// Deletes a role.
    pub async fn role_delete(&self, name: impl Into<String>) -> Result<RoleDeleteResponse> {
        Ok(self
            .core
            .unary(&method::ROLE_DELETE, pb::AuthRoleDeleteRequest { role: name.into() })
            .await?
            .into())
    }

    /// Tells the permissions of a role.
    pub async fn role_get(&self, name: impl Into<String>) -> Result<RoleGetResponse> {
        Ok(self.core.unary(&method::ROLE_GET, pb::AuthRoleGetRequest { role: name.into() }).await?.into())
    }

    /// Lists the roles.
    pub async fn role_list(&self) -> Result<RoleListResponse> {
        Ok(self.core.unary(&method::ROLE_LIST, pb::AuthRoleListRequest {}).await?.into())
    }

    /// Gives a permission to a role.
    pub async fn role_grant_permission(
        &self,
        name: impl Into<String>,
        perm: Permission,
    ) -> Result<RoleGrantPermissionResponse> {
        let request = pb::AuthRoleGrantPermissionRequest { name: name.into(), perm: Some(perm.into_wire()) };
        Ok(self.core.unary(&method::ROLE_GRANT_PERMISSION, request).await?.into())
    }

    /// Takes a permission from a role. Key and range must be those of the grant.
    pub async fn role_revoke_permission(
        &self,
        name: impl Into<String>,
        key: impl Into<Vec<u8>>,
        options: Option<RoleRevokePermissionOptions>,
    ) -> Result<RoleRevokePermissionResponse> {
        let mut range = options.unwrap_or_default().range;
        range.with_key(key);
        let (key, range_end) = range.bytes();
        let request = pb::AuthRoleRevokePermissionRequest { role: name.into(), key, range_end };
        Ok(self.core.unary(&method::ROLE_REVOKE_PERMISSION, request).await?.into())
    }

    /// Adds a user.
    pub async fn user_add(
        &self,
        name: impl Into<String>,
        password: impl Into<String>,
        options: Option<UserAddOptions>,
    ) -> Result<UserAddResponse> {
        let no_password = options.unwrap_or_default().no_password;
        let request = pb::AuthUserAddRequest {
            name: name.into(),
            password: password.into(),
            options: Some(authpb::UserAddOptions { no_password }),
            hashed_password: String::new(),
        };
        Ok(self.core.unary(&method::USER_ADD, request).await?.into())
    }

    /// Tells the roles of a user.
    pub async fn user_get(&self, name: impl Into<String>) -> Result<UserGetResponse> {
        Ok(self.core.unary(&method::USER_GET, pb::AuthUserGetRequest { name: name.into() }).await?.into())
    }

    /// Lists the users.
    pub async fn user_list(&self) -> Result<UserListResponse> {
        Ok(self.core.unary(&method::USER_LIST, pb::AuthUserListRequest {}).await?.into())
    }

    /// Deletes a user.
    pub async fn user_delete(&self, name: impl Into<String>) -> Result<UserDeleteResponse> {
        Ok(self
            .core
            .unary(&method::USER_DELETE, pb::AuthUserDeleteRequest { name: name.into() })
            .await?
            .into())
    }

    /// Changes a user's password.
    pub async fn user_change_password(
        &self,
        name: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<UserChangePasswordResponse> {
        let request = pb::AuthUserChangePasswordRequest {
            name: name.into(),
            password: password.into(),
            hashed_password: String::new(),
        };
        Ok(self.core.unary(&method::USER_CHANGE_PASSWORD, request).await?.into())
    }

    /// Gives a role to a user.
    pub async fn user_grant_role(
        &self,
        user: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<UserGrantRoleResponse> {
        let request = pb::AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
        Ok(self.core.unary(&method::USER_GRANT_ROLE, request).await?.into())
    }

    /// Takes a role from a user.
    pub async fn user_revoke_role(
        &self,
        user: impl Into<String>,
        role: impl Into<String>,
    ) -> Result<UserRevokeRoleResponse> {
        let request = pb::AuthUserRevokeRoleRequest { name: user.into(), role: role.into() };
        Ok(self.core.unary(&method::USER_REVOKE_ROLE, request).await?.into())
    }
}

/// Options of `user_add`.
#[derive(Clone, Debug, Default)]
pub struct UserAddOptions {
    no_password: bool,
}

impl UserAddOptions {
    /// A user with a password.
    pub const fn new() -> Self {
        Self { no_password: false }
    }

    /// The user logs in by certificate alone.
    #[must_use]
    pub const fn with_no_pwd(mut self) -> Self {
        self.no_password = true;
        self
    }
}

/// Options of `role_revoke_permission`.
#[derive(Clone, Debug, Default)]
pub struct RoleRevokePermissionOptions {
    range: KeyRange,
}

impl RoleRevokePermissionOptions {
    /// One key.
    pub const fn new() -> Self {
        Self { range: KeyRange::new() }
    }
}

ranged! { RoleRevokePermissionOptions, with_range_end }

/// A right on a key or on a range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    kind: i32,
    key: Vec<u8>,
    range_end: Vec<u8>,
}

impl Permission {
    /// A right on one key.
    pub fn new(perm_type: PermissionType, key: impl Into<Vec<u8>>) -> Self {
        Self { kind: perm_type as i32, key: key.into(), range_end: Vec::new() }
    }

    /// May read.
    pub fn read(key: impl Into<Vec<u8>>) -> Self {
        Self::new(PermissionType::Read, key)
    }

    /// May write.
    pub fn write(key: impl Into<Vec<u8>>) -> Self {
        Self::new(PermissionType::Write, key)
    }

    /// May read and write.
    pub fn read_write(key: impl Into<Vec<u8>>) -> Self {
        Self::new(PermissionType::Readwrite, key)
    }

    fn ranged(self, choose: impl FnOnce(&mut KeyRange)) -> Self {
        let mut range = KeyRange::new();
        range.with_key(self.key);
        choose(&mut range);
        let (key, range_end) = range.build();
        Self { kind: self.kind, key, range_end }
    }

    /// Extends the right to `[key, range_end)`.
    #[must_use]
    pub fn with_range_end(self, range_end: impl Into<Vec<u8>>) -> Self {
        self.ranged(|range| range.with_range(range_end))
    }

    /// Extends the right to every key from the key on.
    #[must_use]
    pub fn with_from_key(self) -> Self {
        self.ranged(KeyRange::with_from_key)
    }

    /// Extends the right to the keys that start with the key.
    #[must_use]
    pub fn with_prefix(self) -> Self {
        self.ranged(KeyRange::with_prefix)
    }

    /// Extends the right to every key.
    #[must_use]
    pub fn with_all_keys(self) -> Self {
        self.ranged(KeyRange::with_all_keys)
    }

    /// The key, or the start of the range.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The end of the range; empty for one key.
    pub fn range_end(&self) -> &[u8] {
        &self.range_end
    }

    /// The key as text. Fails when it is not UTF-8.
    pub fn key_str(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.key)?)
    }

    /// The key as text; empty when it is not UTF-8.
    pub fn key_str_unchecked(&self) -> &str {
        std::str::from_utf8(&self.key).unwrap_or_default()
    }

    /// The end of the range as text. Fails when it is not UTF-8.
    pub fn range_end_str(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.range_end)?)
    }

    /// The end of the range as text; empty when it is not UTF-8.
    pub fn range_end_str_unchecked(&self) -> &str {
        std::str::from_utf8(&self.range_end).unwrap_or_default()
    }

    /// The kind of right, as the number on the wire; see [`PermissionType`].
    pub fn get_type(&self) -> i32 {
        self.kind
    }

    /// Whether the right is on every key from the key on.
    pub fn is_from_key(&self) -> bool {
        self.range_end == b"\0"
    }

    /// Whether the right is on the keys with a prefix.
    pub fn is_prefix(&self) -> bool {
        !self.is_from_key() && self.range_end == etcdkit_proto::key_range::prefix_end(&self.key)
    }

    fn into_wire(self) -> authpb::Permission {
        authpb::Permission { perm_type: self.kind, key: self.key.into(), range_end: self.range_end.into() }
    }
}

response! {
    /// Answer to `auth_enable`.
    AuthEnableResponse(pb::AuthEnableResponse)
}
response! {
    /// Answer to `auth_disable`.
    AuthDisableResponse(pb::AuthDisableResponse)
}
response! {
    /// Answer to `auth_status`.
    AuthStatusResponse(pb::AuthStatusResponse)
}
response! {
    /// Answer to `authenticate`.
    AuthenticateResponse(pb::AuthenticateResponse)
}
response! {
    /// Answer to `role_add`.
    RoleAddResponse(pb::AuthRoleAddResponse)
}
response! {
    /// Answer to `role_delete`.
    RoleDeleteResponse(pb::AuthRoleDeleteResponse)
}
response! {
    /// Answer to `role_get`.
    RoleGetResponse(pb::AuthRoleGetResponse)
}
response! {
    /// Answer to `role_list`.
    RoleListResponse(pb::AuthRoleListResponse)
}
response! {
    /// Answer to `role_grant_permission`.
    RoleGrantPermissionResponse(pb::AuthRoleGrantPermissionResponse)
}
response! {
    /// Answer to `role_revoke_permission`.
    RoleRevokePermissionResponse(pb::AuthRoleRevokePermissionResponse)
}
response! {
    /// Answer to `user_add`.
    UserAddResponse(pb::AuthUserAddResponse)
}
response! {
    /// Answer to `user_get`.
    UserGetResponse(pb::AuthUserGetResponse)
}
response! {
    /// Answer to `user_list`.
    UserListResponse(pb::AuthUserListResponse)
}
response! {
    /// Answer to `user_delete`.
    UserDeleteResponse(pb::AuthUserDeleteResponse)
}
response! {
    /// Answer to `user_change_password`.
    UserChangePasswordResponse(pb::AuthUserChangePasswordResponse)
}
response! {
    /// Answer to `user_grant_role`.
    UserGrantRoleResponse(pb::AuthUserGrantRoleResponse)
}
response! {
    /// Answer to `user_revoke_role`.
    UserRevokeRoleResponse(pb::AuthUserRevokeRoleResponse)
}

impl AuthStatusResponse {
    /// Whether authentication is on.
    pub fn enabled(&self) -> bool {
        self.message.enabled
    }

    /// Counts the changes of users, roles and permissions.
    pub fn auth_revision(&self) -> u64 {
        self.message.auth_revision
    }
}

impl AuthenticateResponse {
    /// The token.
    pub fn token(&self) -> &str {
        &self.message.token
    }
}

impl RoleGetResponse {
    /// The permissions of the role.
    pub fn permissions(&self) -> Vec<Permission> {
        let wrap = |perm: &authpb::Permission| Permission {
            kind: perm.perm_type,
            key: perm.key.to_vec(),
            range_end: perm.range_end.to_vec(),
        };
        self.message.perm.iter().map(wrap).collect()
    }
}

impl RoleListResponse {
    /// The roles.
    pub fn roles(&self) -> &[String] {
        &self.message.roles
    }
}

impl UserGetResponse {
    /// The roles of the user.
    pub fn roles(&self) -> &[String] {
        &self.message.roles
    }
}

impl UserListResponse {
    /// The users.
    pub fn users(&self) -> &[String] {
        &self.message.users
    }
}
