//! Certificates for members, made for one test.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An authority, and a folder for what it signs.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let authority = Authority { issuer: Issuer::new(params, key), folder: tempfile::tempdir().unwrap() };
        std::fs::write(authority.ca(), pem).unwrap();
        authority
    }

    /// The file of its own certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Files of a certificate with this common name, for this machine, and of its key.
    pub(crate) fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        let file = |suffix: &str| self.folder.path().join(format!("{name}{suffix}"));
        std::fs::write(file(".pem"), cert).unwrap();
        std::fs::write(file("-key.pem"), key.serialize_pem()).unwrap();
        (file(".pem"), file("-key.pem"))
    }

    /// The flags of a member that shows such a certificate and wants one of this authority from others.
    pub(crate) fn peer_flags(&self, name: &str) -> Vec<String> {
        let (cert, key) = self.sign(name);
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        vec![
            flag("peer-cert-file", &cert),
            flag("peer-key-file", &key),
            flag("peer-trusted-ca-file", &self.ca()),
            "--peer-client-cert-auth".to_owned(),
        ]
    }
}
