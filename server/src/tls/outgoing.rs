//! TLS of connections to other members: the certificate this member shows them, and whom it trusts.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::files::{Files, Renewed, content, pair, provider, roots, versions};
use super::{TlsError, TlsSettings, names};

/// Members speak HTTP/2 alone.
const PROTOCOL: &[u8] = b"h2";

/// The TLS of connections to members, as its files are now.
#[derive(Debug)]
pub(crate) struct Outgoing {
    renewed: Renewed<ClientConfig>,
}

impl Outgoing {
    /// Reads and checks everything once.
    pub(crate) fn open(settings: TlsSettings) -> Result<Self, TlsError> {
        Ok(Outgoing { renewed: Renewed::open(settings, configure)? })
    }

    /// What a handshake needs, from the files as they are now. Reads them, which blocks for a moment.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.renewed.now()
    }

    /// The name to look for in the certificate of the member at `host`.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = match self.renewed.settings.server_name.as_str() {
            "" => host,
            name => name,
        };
        ServerName::try_from(name.to_owned())
            .map_err(|error| TlsError::Settings(format!("{name:?} is no name of a host: {error}")))
    }
}

fn configure(settings: &TlsSettings, files: &Files) -> Result<ClientConfig, TlsError> {
    let provider = provider(settings)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(settings)?)
        .map_err(|error| TlsError::Settings(format!("the TLS settings do not fit together: {error}")))?;
    let trusted = match settings.trust_any_server {
        true => None,
        false => Some(webpki(settings, files, &provider)?),
    };
    let verifier = MemberVerifier { trusted, provider, settings: settings.clone() };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let (cert_file, cert, key_file, key) = match settings.client_cert_file.as_os_str().is_empty() {
        true => (&settings.cert_file, &files.cert, &settings.key_file, &files.key),
        false => {
            (&settings.client_cert_file, &files.client_cert, &settings.client_key_file, &files.client_key)
        }
    };
    let mut config = match cert.is_empty() && key.is_empty() {
        true => builder.with_no_client_auth(),
        false => {
            let (chain, key) = pair((cert_file, cert), (key_file, key))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| content(cert_file, "pair of certificate and key", error.to_string()))?
        }
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn webpki(
    settings: &TlsSettings,
    files: &Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let roots = match settings.trusted_ca_file.as_os_str().is_empty() {
        true => Arc::new(native_roots()),
        false => roots(settings, files)?,
    };
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| TlsError::Settings(format!("no authority to know other members by: {error}")))
}

/// The authorities that the operating system trusts. Those that cannot be read are none.
fn native_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Verifies as webpki does, and looks at the names that members must have; or believes anybody who has the key of the
/// certificate shown, for certificates that nobody has signed.
#[derive(Debug)]
struct MemberVerifier {
    trusted: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    settings: TlsSettings,
}

impl ServerCertVerifier for MemberVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(trusted) = &self.trusted {
            trusted.verify_server_cert(certificate, intermediates, name, ocsp, now)?;
            names::check_allowed(&self.settings, certificate).map_err(|why| {
                tracing::warn!(server_name = ?name, error = why, "the certificate of a member is not accepted");
                rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
