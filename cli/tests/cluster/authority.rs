//! Certificates for members, made for one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Counts authorities and certificates: a list of revoked ones names both.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

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
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
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
        self.sign_numbered(name, NUMBERS.fetch_add(1, Ordering::Relaxed))
    }

    /// The file of a list that takes back the certificates with these serial numbers.
    pub(crate) fn revoke(&self, serials: &[u64]) -> PathBuf {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let file = self.folder.path().join("crl.pem");
        std::fs::write(&file, list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        file
    }

    /// The same with a serial number that a list can name.
    pub(crate) fn sign_numbered(&self, name: &str, serial: u64) -> (PathBuf, PathBuf) {
        self.sign_for(name, "127.0.0.1", serial)
    }

    fn sign_for(&self, name: &str, host: &str, serial: u64) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(serial));
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        let file = |suffix: &str| self.folder.path().join(format!("{name}{suffix}"));
        std::fs::write(file(".pem"), cert).unwrap();
        std::fs::write(file("-key.pem"), key.serialize_pem()).unwrap();
        (file(".pem"), file("-key.pem"))
    }

    /// The flags of a member that shows such a certificate and wants one of this authority from others.
    pub(crate) fn peer_flags(&self, name: &str) -> Vec<String> {
        self.peer_flags_for(name, "127.0.0.1")
    }

    /// The same with a certificate for another host.
    pub(crate) fn peer_flags_for(&self, name: &str, host: &str) -> Vec<String> {
        let (cert, key) = self.sign_for(name, host, NUMBERS.fetch_add(1, Ordering::Relaxed));
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        vec![
            flag("peer-cert-file", &cert),
            flag("peer-key-file", &key),
            flag("peer-trusted-ca-file", &self.ca()),
            "--peer-client-cert-auth".to_owned(),
        ]
    }
}
