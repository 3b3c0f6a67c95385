//! TLS of the listeners: which certificate is shown, and who may come in.
//!
//! Certificates are renewed while a server runs, so the files are read again for each handshake; what they hold is
//! only parsed when it has changed. A renewal that cannot be used (a certificate without its key, mid-way through being
//! replaced) leaves the former one in use and says so.

pub(crate) mod self_signed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::platform;

/// What clients may speak, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Files and rules of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate with its chain, PEM; empty without TLS.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// Certificates by which those of clients are known, PEM. With it every client must show one.
    pub trusted_ca_file: PathBuf,
    /// Every client must show a certificate, and its common name is a user.
    pub client_cert_auth: bool,
    /// Certificates that were revoked, PEM or DER.
    pub crl_file: PathBuf,
    /// Names of which a client's certificate must carry one; empty for any.
    pub allowed_hostnames: Vec<String>,
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

/// The TLS of a listener, as its files are now.
#[derive(Debug)]
pub(crate) struct Tls {
    settings: TlsSettings,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    files: Files,
    config: Arc<ServerConfig>,
}

/// What the files held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    trusted_ca: Vec<u8>,
    crl: Vec<u8>,
}

/// What a client's certificate says.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The common name, when it is to be taken as a user.
    pub(crate) user: Option<Arc<str>>,
}

impl Tls {
    /// Reads and checks everything once.
    pub(crate) fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        if settings.client_cert_auth && settings.trusted_ca_file.as_os_str().is_empty() {
            return Err(TlsError::Settings(
                "--client-cert-auth needs --trusted-ca-file, by which the certificates of clients are known"
                    .into(),
            ));
        }
        let files = Files::read(&settings)?;
        let config = configure(&settings, &files)?;
        Ok(Tls { settings, current: Mutex::new(Current { files, config }) })
    }

    /// What a handshake needs, from the files as they are now. Reads them, which blocks for a moment.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let files = Files::read(&self.settings);
        let mut current = self.current.lock();
        match files {
            Ok(files) if files == current.files => {}
            Ok(files) => match configure(&self.settings, &files) {
                Ok(config) => {
                    tracing::info!("TLS files have changed and are in use");
                    *current = Current { files, config };
                }
                Err(error) => {
                    tracing::warn!(%error, "changed TLS files cannot be used, the former ones stay in use")
                }
            },
            Err(error) => tracing::warn!(%error, "TLS files cannot be read, the former ones stay in use"),
        }
        Arc::clone(&current.config)
    }

    /// Looks at the certificate that a client has shown and rustls has verified.
    ///
    /// # Errors
    /// None of its names is allowed here.
    pub(crate) fn admit(&self, certificates: Option<&[CertificateDer<'static>]>) -> Result<Peer, String> {
        let Some(certificate) = certificates.and_then(<[_]>::first) else { return Ok(Peer { user: None }) };
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let allowed = &self.settings.allowed_hostnames;
        if !allowed.is_empty() && !names(&parsed).iter().any(|name| allowed.contains(name)) {
            return Err("the certificate carries none of the allowed names".to_owned());
        }
        let common_name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        Ok(Peer { user: common_name.filter(|_| self.settings.client_cert_auth).map(Into::into) })
    }
}

/// The host names in a certificate.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Files {
            cert: read(&settings.cert_file)?,
            key: read(&settings.key_file)?,
            trusted_ca: read(&settings.trusted_ca_file)?,
            crl: read(&settings.crl_file)?,
        })
    }
}

/// The content of a file; of none when there is no path.
fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    if path.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    platform::read_file(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn configure(settings: &TlsSettings, files: &Files) -> Result<Arc<ServerConfig>, TlsError> {
    let content = |path: &Path, what: &'static str, reason: String| TlsError::Content {
        path: path.to_owned(),
        what,
        reason,
    };
    let chain = certificates(&files.cert).map_err(|why| content(&settings.cert_file, "certificate", why))?;
    let key = PrivateKeyDer::from_pem_slice(&files.key)
        .map_err(|error| content(&settings.key_file, "private key", error.to_string()))?;
    let provider = Arc::new(provider(settings)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(settings)?)
        .map_err(|error| TlsError::Settings(format!("the TLS settings do not fit together: {error}")))?;
    let builder = match settings.trusted_ca_file.as_os_str().is_empty() {
        true => builder.with_no_client_auth(),
        false => builder.with_client_cert_verifier(verifier(settings, files, provider)?),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| content(&settings.cert_file, "pair of certificate and key", error.to_string()))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("there is none in it".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(error.to_string()),
    }
}

fn verifier(
    settings: &TlsSettings,
    files: &Files,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let path = &settings.trusted_ca_file;
    let content = |reason: String| TlsError::Content { path: path.clone(), what: "CA certificate", reason };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.trusted_ca).map_err(content)? {
        roots.add(certificate).map_err(|error| content(error.to_string()))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if !settings.crl_file.as_os_str().is_empty() {
        // Certificates of authorities that the list says nothing about are not revoked by it.
        builder = builder.with_crls(revoked(settings, files)?).allow_unknown_revocation_status();
    }
    builder.build().map_err(|error| content(error.to_string()))
}

fn revoked(
    settings: &TlsSettings,
    files: &Files,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    if !files.crl.starts_with(b"-----BEGIN") {
        return Ok(vec![CertificateRevocationListDer::from(files.crl.clone())]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&files.crl).collect();
    lists.map_err(|error| TlsError::Content {
        path: settings.crl_file.clone(),
        what: "list of revoked certificates",
        reason: error.to_string(),
    })
}

fn provider(settings: &TlsSettings) -> Result<rustls::crypto::CryptoProvider, TlsError> {
    let mut provider = rustls::crypto::ring::default_provider();
    if settings.cipher_suites.is_empty() {
        return Ok(provider);
    }
    if settings.version_min == "TLS1.3" {
        return Err(TlsError::Settings(
            "--cipher-suites cannot be chosen with --tls-min-version TLS1.3".into(),
        ));
    }
    let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
    for wanted in &settings.cipher_suites {
        if !provider.cipher_suites.iter().any(|suite| name(suite) == *wanted) {
            return Err(TlsError::Settings(format!("unexpected TLS cipher suite {wanted:?}")));
        }
    }
    // As in etcd, the choice is about TLS 1.2: all suites of 1.3 are safe.
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some() || settings.cipher_suites.contains(&name(suite)));
    Ok(provider)
}

fn versions(settings: &TlsSettings) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let number = |text: &str, default: u8| match text {
        "" => Ok(default),
        "TLS1.2" => Ok(2),
        "TLS1.3" => Ok(3),
        _ => Err(TlsError::Settings(format!("unexpected TLS version {text:?}: it is TLS1.2 or TLS1.3"))),
    };
    let (min, max) = (number(&settings.version_min, 2)?, number(&settings.version_max, 3)?);
    if min > max {
        return Err(TlsError::Settings("the oldest TLS version is newer than the newest".into()));
    }
    let known = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    Ok(known
        .into_iter()
        .filter(|(number, _)| (min..=max).contains(number))
        .map(|(_, version)| version)
        .collect())
}
