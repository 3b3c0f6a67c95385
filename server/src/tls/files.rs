//! Certificates, keys and rules from files that change while the server runs.
//!
//! They are read at each handshake, as etcd does, and understood when they have changed. A renewal that cannot be used
//! (a certificate without its key, mid-way through being replaced) leaves the former one in use and says so.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::{TlsError, TlsSettings};
use crate::platform;

/// What the files held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) cert: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_cert: Vec<u8>,
    pub(super) client_key: Vec<u8>,
    pub(super) trusted_ca: Vec<u8>,
    pub(super) crl: Vec<u8>,
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Files {
            cert: read(&settings.cert_file)?,
            key: read(&settings.key_file)?,
            client_cert: read(&settings.client_cert_file)?,
            client_key: read(&settings.client_key_file)?,
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

type Configure<C> = fn(&TlsSettings, &Files) -> Result<C, TlsError>;

/// What was made of the files as they are now.
#[derive(Debug)]
pub(super) struct Renewed<C> {
    pub(super) settings: TlsSettings,
    configure: Configure<C>,
    current: Mutex<(Files, Arc<C>)>,
}

impl<C> Renewed<C> {
    /// Reads and checks everything once.
    pub(super) fn open(settings: TlsSettings, configure: Configure<C>) -> Result<Self, TlsError> {
        let files = Files::read(&settings)?;
        let config = configure(&settings, &files)?;
        Ok(Renewed { settings, configure, current: Mutex::new((files, Arc::new(config))) })
    }

    /// What the files say now. Reads them, which blocks for a moment.
    pub(super) fn now(&self) -> Arc<C> {
        let files = Files::read(&self.settings);
        let mut current = self.current.lock();
        match files {
            Ok(files) if files == current.0 => {}
            Ok(files) => match (self.configure)(&self.settings, &files) {
                Ok(config) => {
                    tracing::info!(
                        cert_file = %self.settings.cert_file.display(),
                        "TLS files have changed and are in use"
                    );
                    *current = (files, Arc::new(config));
                }
                Err(error) => {
                    tracing::warn!(%error, "changed TLS files cannot be used, the former ones stay in use")
                }
            },
            Err(error) => tracing::warn!(%error, "TLS files cannot be read, the former ones stay in use"),
        }
        Arc::clone(&current.1)
    }
}

pub(super) fn content(path: &Path, what: &'static str, reason: String) -> TlsError {
    TlsError::Content { path: path.to_owned(), what, reason }
}

/// A certificate with its chain, and its key.
pub(super) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(super) fn pair(cert: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Pair, TlsError> {
    let chain = certificates(cert.1).map_err(|why| content(cert.0, "certificate", why))?;
    let key = PrivateKeyDer::from_pem_slice(key.1)
        .map_err(|error| content(key.0, "private key", error.to_string()))?;
    Ok((chain, key))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("there is none in it".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(error.to_string()),
    }
}

/// The authorities in the file of trusted ones.
pub(super) fn roots(settings: &TlsSettings, files: &Files) -> Result<Arc<RootCertStore>, TlsError> {
    let refused = |reason: String| content(&settings.trusted_ca_file, "CA certificate", reason);
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.trusted_ca).map_err(refused)? {
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    Ok(Arc::new(roots))
}

pub(super) fn provider(settings: &TlsSettings) -> Result<Arc<CryptoProvider>, TlsError> {
    let mut provider = rustls::crypto::ring::default_provider();
    if settings.cipher_suites.is_empty() {
        return Ok(Arc::new(provider));
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
    Ok(Arc::new(provider))
}

pub(super) fn versions(settings: &TlsSettings) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
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
