//! TLS of a port: the certificate it shows, and who may come in.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::files::{Files, Renewed, content, pair, provider, roots, versions};
use super::{TlsError, TlsSettings, names};

/// What clients may speak, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The TLS of a port, as its files are now.
#[derive(Debug)]
pub(crate) struct Incoming {
    renewed: Renewed<ServerConfig>,
}

/// What the certificate of one that came in says.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// The common name, when it is to be taken as a user.
    pub(crate) user: Option<Arc<str>>,
}

impl Incoming {
    /// Reads and checks everything once.
    pub(crate) fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        if settings.client_cert_auth && settings.trusted_ca_file.as_os_str().is_empty() {
            return Err(TlsError::Settings(
                "--client-cert-auth needs --trusted-ca-file, by which the certificates of clients are known, and \
                 --peer-client-cert-auth needs --peer-trusted-ca-file"
                    .into(),
            ));
        }
        if !settings.allowed_common_names.is_empty() && !settings.allowed_hostnames.is_empty() {
            return Err(TlsError::Settings(format!(
                "AllowedCNs and AllowedHostnames are mutually exclusive (cns={:?}, hostnames={:?})",
                settings.allowed_common_names, settings.allowed_hostnames
            )));
        }
        Ok(Incoming { renewed: Renewed::open(settings, configure)? })
    }

    /// What a handshake needs, from the files as they are now. Reads them, which blocks for a moment.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.renewed.now()
    }

    /// Looks at the certificate that was shown by one who connects from `address`, and that rustls has verified.
    ///
    /// # Errors
    /// Why it is not let in.
    pub(crate) async fn admit(
        &self,
        certificates: Option<&[CertificateDer<'static>]>,
        address: IpAddr,
    ) -> Result<Admitted, String> {
        let settings = &self.renewed.settings;
        let Some(certificate) = certificates.and_then(<[_]>::first) else {
            return Ok(Admitted { user: None });
        };
        names::check_allowed(settings, certificate)?;
        if settings.check_client_address {
            names::check_address(certificate, address).await?;
        }
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let common_name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        Ok(Admitted { user: common_name.filter(|_| settings.client_cert_auth).map(Into::into) })
    }
}

fn configure(settings: &TlsSettings, files: &Files) -> Result<ServerConfig, TlsError> {
    let (chain, key) = pair((&settings.cert_file, &files.cert), (&settings.key_file, &files.key))?;
    let provider = provider(settings)?;
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
    Ok(config)
}

fn verifier(
    settings: &TlsSettings,
    files: &Files,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots(settings, files)?, provider);
    if !settings.crl_file.as_os_str().is_empty() {
        // Certificates of authorities that the list says nothing about are not revoked by it.
        builder = builder.with_crls(revoked(settings, files)?).allow_unknown_revocation_status();
    }
    builder.build().map_err(|error| content(&settings.trusted_ca_file, "CA certificate", error.to_string()))
}

fn revoked(
    settings: &TlsSettings,
    files: &Files,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    if !files.crl.starts_with(b"-----BEGIN") {
        return Ok(vec![CertificateRevocationListDer::from(files.crl.clone())]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&files.crl).collect();
    lists.map_err(|error| content(&settings.crl_file, "list of revoked certificates", error.to_string()))
}
