//! TLS between a server and its clients, and between members.
//!
//! The files with certificates change while the server runs: who renews certificates does not want to restart servers.
//! They are read again at each handshake, on both sides.

mod files;
mod incoming;
mod names;
mod outgoing;
pub(crate) mod self_signed;

use std::path::PathBuf;

pub(crate) use incoming::Incoming;
pub(crate) use outgoing::Outgoing;

/// Files and rules of a listener, and of connections to other members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate with its chain, PEM; empty without TLS.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// The certificate to show to other members, PEM; empty for the same one.
    pub client_cert_file: PathBuf,
    /// Its private key, PEM.
    pub client_key_file: PathBuf,
    /// Certificates by which those of clients are known, PEM. With it every client must show one. Other members are
    /// known by it too; where it is empty, by what the operating system trusts.
    pub trusted_ca_file: PathBuf,
    /// Every client must show a certificate, and its common name is a user.
    pub client_cert_auth: bool,
    /// Certificates that were revoked, PEM or DER.
    pub crl_file: PathBuf,
    /// Host names of which a certificate must carry one; empty for any.
    pub allowed_hostnames: Vec<String>,
    /// Names of which the common name of a certificate must be one; empty for any. Not with `allowed_hostnames`.
    pub allowed_common_names: Vec<String>,
    /// Whether a client must come from an address that its certificate names, where that names any.
    pub check_client_address: bool,
    /// The name to look for in the certificates of other members; empty for the host in their address.
    pub server_name: String,
    /// Whether other members are believed whatever certificate they show: for those that nobody has signed.
    pub trust_any_server: bool,
    /// The cipher suites allowed, by their IANA names; empty for all that are safe.
    pub cipher_suites: Vec<String>,
    /// The oldest version: `TLS1.2`, `TLS1.3`, or empty.
    pub version_min: String,
    /// The newest version: `TLS1.2`, `TLS1.3`, or empty.
    pub version_max: String,
}

impl TlsSettings {
    /// Whether there is a certificate to show.
    pub fn is_set(&self) -> bool {
        !self.cert_file.as_os_str().is_empty() || !self.key_file.as_os_str().is_empty()
    }
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{path} holds no usable {what}: {reason}", path = path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The settings contradict each other or ask for what there is not.
    #[error("{0}")]
    Settings(String),
}
