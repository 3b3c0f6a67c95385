//! `etcdserverpb.Auth`: users, roles, and the tokens by which they are known.

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    AuthDisableRequest, AuthDisableResponse, AuthEnableRequest, AuthEnableResponse, AuthRoleAddRequest,
    AuthRoleAddResponse, AuthRoleDeleteRequest, AuthRoleDeleteResponse, AuthRoleGetRequest,
    AuthRoleGetResponse, AuthRoleGrantPermissionRequest, AuthRoleGrantPermissionResponse,
    AuthRoleListRequest, AuthRoleListResponse, AuthRoleRevokePermissionRequest,
    AuthRoleRevokePermissionResponse, AuthStatusRequest, AuthStatusResponse, AuthUserAddRequest,
    AuthUserAddResponse, AuthUserChangePasswordRequest, AuthUserChangePasswordResponse,
    AuthUserDeleteRequest, AuthUserDeleteResponse, AuthUserGetRequest, AuthUserGetResponse,
    AuthUserGrantRoleRequest, AuthUserGrantRoleResponse, AuthUserListRequest, AuthUserListResponse,
    AuthUserRevokeRoleRequest, AuthUserRevokeRoleResponse, AuthenticateRequest, AuthenticateResponse,
    ResponseHeader,
};
use rand::RngExt;
use tonic::Status;

use super::access::{Access, Credentials};
use super::error::mismatched;
use super::header::Headers;
use super::password::Passwords;
use crate::auth::store::NoPassword;
use crate::command::{Applied, AuthCommand, AuthOperation, Authenticate, Caller, Operation};
use crate::propose::Proposer;
use crate::read::ReadGate;

/// Times a login starts over because users or rights changed between the look at the password and the log. Each time
/// needs another such change within some milliseconds.
const LOGIN_ATTEMPTS_MAX: usize = 16;

/// Letters of the random part of a simple token, as in etcd: 91 bits.
const TOKEN_LETTERS: usize = 16;

/// The Auth service.
pub(crate) struct Auth {
    pub(crate) headers: Headers,
    pub(crate) access: Access,
    pub(crate) proposer: Proposer,
    pub(crate) gate: ReadGate,
    pub(crate) passwords: Passwords,
}

/// The calls that are one command and answered with a header alone.
macro_rules! changes {
    ($($call:ident: $operation:ident($request:ty) -> $response:ident;)*) => {
        $(
            pub(crate) async fn $call(&self, by: &Credentials, request: $request) -> Result<$response, Status> {
                let header = self.change(by, AuthOperation::$operation(request)).await?;
                Ok($response { header })
            }
        )*
    };
}

impl Auth {
    changes! {
        enable: Enable(AuthEnableRequest) -> AuthEnableResponse;
        disable: Disable(AuthDisableRequest) -> AuthDisableResponse;
        user_delete: UserDelete(AuthUserDeleteRequest) -> AuthUserDeleteResponse;
        user_grant_role: UserGrantRole(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse;
        user_revoke_role: UserRevokeRole(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse;
        role_add: RoleAdd(AuthRoleAddRequest) -> AuthRoleAddResponse;
        role_delete: RoleDelete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse;
        role_grant: RoleGrantPermission(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse;
        role_revoke: RoleRevokePermission(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse;
    }

    async fn change(
        &self,
        by: &Credentials,
        operation: AuthOperation,
    ) -> Result<Option<ResponseHeader>, Status> {
        let caller = self.access.caller(by)?;
        match self.propose(caller, operation).await? {
            Applied::Auth => Ok(Some(self.headers.now())),
            _ => Err(mismatched()),
        }
    }

    async fn propose(&self, caller: Option<Caller>, operation: AuthOperation) -> Result<Applied, Status> {
        let command = Box::new(AuthCommand { operation: Some(operation) });
        Ok(self.proposer.propose_for(caller, Operation::Auth(command)).await?)
    }

    pub(crate) async fn user_add(
        &self,
        by: &Credentials,
        mut request: AuthUserAddRequest,
    ) -> Result<AuthUserAddResponse, Status> {
        let password = std::mem::take(&mut request.password);
        if !request.options.is_some_and(|options| options.no_password) {
            request.hashed_password = self.passwords.hash(password).await?;
        }
        let header = self.change(by, AuthOperation::UserAdd(request)).await?;
        Ok(AuthUserAddResponse { header })
    }

    pub(crate) async fn user_change_password(
        &self,
        by: &Credentials,
        mut request: AuthUserChangePasswordRequest,
    ) -> Result<AuthUserChangePasswordResponse, Status> {
        let password = std::mem::take(&mut request.password);
        request.hashed_password = self.passwords.hash(password).await?;
        let header = self.change(by, AuthOperation::UserChangePassword(request)).await?;
        Ok(AuthUserChangePasswordResponse { header })
    }

    /// Gives a token for a password. The password is compared here, where it may take its time; when users changed
    /// before the command was applied, it is compared again.
    pub(crate) async fn authenticate(
        &self,
        request: AuthenticateRequest,
    ) -> Result<AuthenticateResponse, Status> {
        self.gate.pass().await?;
        if !self.access.auth.tokens().has_room() {
            return Err(EtcdError::TooManyRequests.into());
        }
        for _ in 0..LOGIN_ATTEMPTS_MAX {
            let stored = match self.access.auth.password(&request.name) {
                Ok(stored) => stored,
                Err(reason) => return Err(self.no_password(reason, request.password).await),
            };
            if !self.passwords.is_right(request.password.clone(), stored.hash).await? {
                tracing::info!(user = request.name, "a login with a wrong password");
                return Err(EtcdError::AuthFailed.into());
            }
            let jwt = self.access.jwt.as_ref();
            let token_prefix = if jwt.is_some() { String::new() } else { token_prefix() };
            let login = Authenticate { name: request.name.clone(), token_prefix };
            let applied = self.propose(None, AuthOperation::Authenticate(login)).await?;
            let Applied::Authenticated { token, revision } = applied else { return Err(mismatched()) };
            if revision == stored.revision {
                let caller = Caller { user: request.name, revision };
                let token = match jwt {
                    Some(jwt) => jwt.sign(&caller).map_err(|error| Status::unknown(error.to_string()))?,
                    None => token,
                };
                return Ok(AuthenticateResponse { header: Some(self.headers.now()), token });
            }
        }
        Err(EtcdError::AuthRevisionOld.into())
    }

    async fn no_password(&self, reason: NoPassword, password: String) -> Status {
        match reason {
            NoPassword::NotEnabled => EtcdError::AuthNotEnabled.into(),
            NoPassword::Unknown => match self.passwords.pretend(password).await {
                Ok(()) => EtcdError::AuthFailed.into(),
                Err(status) => status,
            },
            NoPassword::ByCertificate => {
                Status::unknown("auth: authentication failed, password was given for no password user")
            }
        }
    }

    pub(crate) async fn status(
        &self,
        by: &Credentials,
        _request: AuthStatusRequest,
    ) -> Result<AuthStatusResponse, Status> {
        self.access.caller(by)?;
        self.gate.pass().await?;
        let auth = &self.access.auth;
        Ok(AuthStatusResponse {
            header: Some(self.headers.now()),
            enabled: auth.is_enabled(),
            auth_revision: auth.revision(),
        })
    }

    pub(crate) async fn user_get(
        &self,
        by: &Credentials,
        request: AuthUserGetRequest,
    ) -> Result<AuthUserGetResponse, Status> {
        self.gate.pass().await?;
        self.access.check(by, |checker| checker.see_user(&request.name))?;
        let roles = self.access.auth.user_roles(&request.name)?;
        Ok(AuthUserGetResponse { header: Some(self.headers.now()), roles })
    }

    pub(crate) async fn user_list(
        &self,
        _request: AuthUserListRequest,
    ) -> Result<AuthUserListResponse, Status> {
        self.gate.pass().await?;
        let users = self.access.auth.user_names();
        Ok(AuthUserListResponse { header: Some(self.headers.now()), users })
    }

    pub(crate) async fn role_get(
        &self,
        by: &Credentials,
        request: AuthRoleGetRequest,
    ) -> Result<AuthRoleGetResponse, Status> {
        self.gate.pass().await?;
        let own_roles = match self.access.caller(by)? {
            Some(caller) => self.access.auth.user_roles(&caller.user).unwrap_or_default(),
            None => Vec::new(),
        };
        self.access.check(by, |checker| checker.see_role(&request.role, &own_roles))?;
        let perm = self.access.auth.role_permissions(&request.role)?;
        Ok(AuthRoleGetResponse { header: Some(self.headers.now()), perm })
    }

    pub(crate) async fn role_list(
        &self,
        _request: AuthRoleListRequest,
    ) -> Result<AuthRoleListResponse, Status> {
        self.gate.pass().await?;
        let roles = self.access.auth.role_names();
        Ok(AuthRoleListResponse { header: Some(self.headers.now()), roles })
    }
}

/// etcd has no status for users that log in by certificate alone, so its text comes as an unknown error.
fn token_prefix() -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut random = rand::rng();
    (0..TOKEN_LETTERS).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}
