//! TLS: what a client trusts, and how it proves who it is.
//!
//! An endpoint's scheme decides: `https://` is always encrypted, `http://` never, and an address without a scheme is
//! encrypted when TLS options are given. Without options of its own a client trusts the certificates the operating
//! system trusts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tonic::transport::Endpoint;
/// Certificates and keys as PEM text, and the TLS settings of [`ConnectOptions::with_tls`].
pub use tonic::transport::{Certificate, ClientTlsConfig as TlsOptions, Identity};

use crate::error::{Error, Result};
use crate::options::ConnectOptions;

/// TLS settings as configuration files, command lines and other languages have them; see
/// [`ConnectOptions::with_tls_pem`].
#[derive(Clone, Debug, Default)]
pub struct TlsPem {
    /// Certificates to trust, PEM. Empty: those of the operating system.
    pub ca: Vec<u8>,
    /// The client's own certificate with its chain, PEM. Empty: none. Needs `key`.
    pub cert: Vec<u8>,
    /// The private key of `cert`, PEM.
    pub key: Vec<u8>,
    /// The name to expect in the server's certificate. Empty: the host of the endpoint.
    pub server_name: String,
    /// Accepts every server certificate. The connection is encrypted, and whoever intercepts it reads all of it.
    pub skip_verify: bool,
}

impl TlsPem {
    /// The settings in the form of [`ConnectOptions::with_tls`].
    fn options(&self) -> Result<TlsOptions> {
        let mut options = TlsOptions::new();
        if !self.server_name.is_empty() {
            options = options.domain_name(self.server_name.clone());
        }
        if !self.skip_verify {
            options = match self.ca.is_empty() {
                true => options.with_native_roots(),
                false => options.ca_certificate(Certificate::from_pem(certificates("CA", &self.ca)?)),
            };
        }
        match (self.cert.is_empty(), self.key.is_empty()) {
            (true, true) => Ok(options),
            (false, false) => {
                let cert = certificates("client", &self.cert)?;
                let key = PrivateKeyDer::from_pem_slice(&self.key);
                key.map_err(|error| refused(format!("the client key is not a PEM private key: {error}")))?;
                Ok(options.identity(Identity::from_pem(cert, &self.key)))
            }
            _ => Err(refused("a client certificate needs its key, and a key its certificate".to_owned())),
        }
    }
}

impl TlsPem {
    /// The settings for a connection of the program's own to the same servers, such as one that reads their metrics.
    ///
    /// [`server_name`](TlsPem::server_name) is the business of whoever connects. Fails with [`Error::InvalidArgs`] when
    /// something is not PEM, or half of a client certificate is missing.
    pub fn client_config(&self) -> Result<rustls::ClientConfig> {
        self.options()?;
        let provider = Arc::new(ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.to_string()))?;
        let builder = match self.skip_verify {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider))),
            false => builder.with_root_certificates(self.roots()?),
        };
        if self.cert.is_empty() {
            return Ok(builder.with_no_client_auth());
        }
        let chain = CertificateDer::pem_slice_iter(&self.cert).collect::<std::result::Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| refused(format!("the client certificate is not PEM: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| refused(format!("the client key is not a PEM private key: {error}")))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| refused(error.to_string()))
    }

    /// The certificates to trust. Of those of the operating system the ones that cannot be read are left out.
    fn roots(&self) -> Result<rustls::RootCertStore> {
        let mut roots = rustls::RootCertStore::empty();
        if self.ca.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        }
        for certificate in CertificateDer::pem_slice_iter(&self.ca) {
            let certificate =
                certificate.map_err(|error| refused(format!("the CA certificate is not PEM: {error}")))?;
            roots
                .add(certificate)
                .map_err(|error| refused(format!("the CA certificate cannot be used: {error}")))?;
        }
        Ok(roots)
    }
}

impl ConnectOptions {
    /// Encrypts connections with these settings.
    ///
    /// Endpoints with `http://` stay unencrypted; those without a scheme are encrypted.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self.tls_pem = None;
        self
    }

    /// Encrypts connections with settings given as PEM text.
    ///
    /// Fails with [`Error::InvalidArgs`] when something is not PEM, or half of a client certificate is missing.
    pub fn with_tls_pem(mut self, pem: &TlsPem) -> Result<Self> {
        self.tls = Some(pem.options()?);
        self.tls_pem = Some(pem.clone());
        Ok(self)
    }
}

/// Sets a target with an `https://` URI up for TLS.
pub(crate) fn secure(
    target: Endpoint,
    options: &ConnectOptions,
) -> Result<Endpoint, tonic::transport::Error> {
    let tls = options.tls.clone().unwrap_or_else(|| TlsOptions::new().with_native_roots());
    match options.tls_pem.as_ref().is_some_and(|pem| pem.skip_verify) {
        false => target.tls_config(tls),
        true => {
            target.tls_config_with_verifier(tls, Arc::new(Unverified(Arc::new(ring::default_provider()))))
        }
    }
}

/// Checks that the text has a certificate at all: an empty set of trusted certificates would fail much later, and not
/// say why.
fn certificates<'a>(whose: &str, pem: &'a [u8]) -> Result<&'a [u8]> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        certificate.map_err(|error| refused(format!("the {whose} certificate is not PEM: {error}")))?;
        count += 1;
    }
    match count {
        0 => Err(refused(format!("the {whose} certificate is not PEM: no certificate found"))),
        _ => Ok(pem),
    }
}

fn refused(text: String) -> Error {
    Error::InvalidArgs(text)
}

/// Accepts every certificate, but still checks that the server owns the one it shows.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_told_at_once() {
        let pem = |ca: &str, cert: &str, key: &str| TlsPem {
            ca: ca.into(),
            cert: cert.into(),
            key: key.into(),
            ..TlsPem::default()
        };
        let half = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (case, given, told) in [
            ("no PEM", pem("hello", "", ""), "the CA certificate is not PEM"),
            ("cut off", pem(half, "", ""), "the CA certificate is not PEM"),
            ("no key", pem("", "cert", ""), "needs its key"),
            ("no certificate", pem("", "", "key"), "needs its key"),
        ] {
            let error = ConnectOptions::new().with_tls_pem(&given).map(drop);
            let text = error.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains(told), "{case}: {text:?}");
        }
    }
}
