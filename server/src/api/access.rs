//! Who calls: from the metadata of a request to a caller whose rights can be asked.
//!
//! Credentials are kept as they came and recognised anew for each operation, since a stream or a wait for a lock may
//! last longer than a token, and because users and rights change meanwhile.

use std::sync::Arc;

use etcdkit_proto::EtcdError;
use http::HeaderMap;
use tonic::Status;

use crate::auth::{AuthStore, Checker};
use crate::clock::Clock;
use crate::command::Caller;
use crate::jwt::Jwt;
use crate::lease::Lessor;

/// Metadata keys of a token: of gRPC, and of the JSON gateway.
const TOKEN_KEYS: [&str; 2] = ["token", "authorization"];

/// What the gateway's requests carry. They come over the certificate of the gateway, whose name is nobody's.
const GATEWAY_KEY: &str = "grpcgateway-accept";

/// The name in a client certificate that the listener has verified, where it asks for certificates.
#[derive(Clone, Debug)]
pub(crate) struct CertificateName(pub(crate) Arc<str>);

/// What a request brought along to show who sent it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    token: Option<Arc<str>>,
    certificate: Option<CertificateName>,
}

impl Credentials {
    /// Reads the metadata of a request.
    pub(crate) fn of<B>(request: &http::Request<B>) -> Self {
        let certificate = request.extensions().get::<CertificateName>();
        let from_gateway = request.headers().contains_key(GATEWAY_KEY);
        Credentials {
            token: token(request.headers()),
            certificate: certificate.filter(|_| !from_gateway).cloned(),
        }
    }
}

fn token(headers: &HeaderMap) -> Option<Arc<str>> {
    let value = TOKEN_KEYS.into_iter().find_map(|key| headers.get(key))?;
    // What is no text is no token that was ever given.
    let text = value.to_str().unwrap_or_default();
    Some(text.strip_prefix("Bearer ").unwrap_or(text).into())
}

/// Recognises callers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) auth: Arc<AuthStore>,
    pub(crate) lessor: Arc<Lessor>,
    pub(crate) clock: Clock,
    /// Reads the tokens, where they are signed ones.
    pub(crate) jwt: Option<Arc<Jwt>>,
}

impl Access {
    /// Whether callers need to be known. Cheap.
    pub(crate) fn is_enabled(&self) -> bool {
        self.auth.is_enabled()
    }

    /// The caller behind the credentials; none while authentication is off, or without credentials.
    pub(crate) fn caller(&self, by: &Credentials) -> Result<Option<Caller>, EtcdError> {
        if !self.auth.is_enabled() {
            return Ok(None);
        }
        if let (Some(token), Some(jwt)) = (&by.token, &self.jwt) {
            return jwt.caller(token).map(Some).ok_or(EtcdError::InvalidAuthToken);
        }
        if let Some(token) = &by.token {
            // The revision first: rights that change in between make the caller an old one, never a new one.
            let revision = self.auth.revision();
            let user = self.auth.tokens().user(token, self.clock.now_ms());
            return user.map(|user| Some(Caller { user, revision })).ok_or(EtcdError::InvalidAuthToken);
        }
        let certificate = by.certificate.as_ref();
        Ok(certificate.map(|name| Caller { user: name.0.to_string(), revision: self.auth.revision() }))
    }

    /// Asks one thing about the caller.
    pub(crate) fn check(
        &self,
        by: &Credentials,
        ask: impl FnOnce(&Checker<'_>) -> Result<(), EtcdError>,
    ) -> Result<(), EtcdError> {
        self.recognise(by, ask).map(drop)
    }

    /// The caller, if it may.
    pub(crate) fn recognise(
        &self,
        by: &Credentials,
        ask: impl FnOnce(&Checker<'_>) -> Result<(), EtcdError>,
    ) -> Result<Option<Caller>, EtcdError> {
        if !self.auth.is_enabled() {
            return Ok(None);
        }
        let caller = self.caller(by)?;
        ask(&self.auth.checker(caller.as_ref(), &self.lessor))?;
        Ok(caller)
    }

    /// Reads for a caller that may. When users or rights changed while it read, the answer is withheld: it may show
    /// what the caller lost the right to see.
    pub(crate) fn read<T, E: Into<Status>>(
        &self,
        by: &Credentials,
        ask: impl FnOnce(&Checker<'_>) -> Result<(), EtcdError>,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, Status> {
        let caller = self.recognise(by, ask)?;
        let answer = read().map_err(Into::into)?;
        if caller.is_some_and(|caller| caller.revision != self.auth.revision()) {
            return Err(EtcdError::AuthRevisionOld.into());
        }
        Ok(answer)
    }
}
