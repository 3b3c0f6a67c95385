//! An authority and the certificates it signs, made for one test or measurement.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Authorities made so far: a list of revoked certificates names its authority, so each has a name of its own.
static AUTHORITIES: AtomicU64 = AtomicU64::new(0);

/// The file of an authority's own certificate.
pub const CA_FILE: &str = "ca.pem";

/// An authority, and a folder that lives as long, with its certificate in [`CA_FILE`].
///
/// What it does panics where the system has no random numbers, or the folder takes no file.
pub struct Authority {
    /// Its own certificate, PEM.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate and its key, PEM.
pub struct Signed {
    /// The certificate.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// One that nobody else trusts.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let key = key();
        let mut params = params(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        let pem = params.self_signed(&key).expect("invariant: its own key fits").pem();
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let authority = Authority { pem, issuer: Issuer::new(params, key), folder };
        authority.write(CA_FILE, &authority.pem);
        authority
    }

    /// A certificate with this common name, for these hosts.
    #[must_use]
    pub fn sign(&self, name: &str, hosts: &[&str]) -> Signed {
        self.sign_with(name, hosts, |_| ())
    }

    /// As [`Self::sign`], with what `change` says otherwise.
    #[must_use]
    pub fn sign_with(
        &self,
        name: &str,
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Signed {
        let key = key();
        let mut params = params(hosts);
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let cert = params.signed_by(&key, &self.issuer).expect("invariant: the parameters can be written");
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// A list that takes back the certificates with these serial numbers, PEM.
    #[must_use]
    pub fn revoke(&self, serials: &[u64]) -> String {
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
        let list = list.signed_by(&self.issuer).expect("invariant: it may sign lists");
        list.pem().expect("invariant: a list can be written")
    }

    /// A place in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into its folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("its folder takes files");
        path
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system has random numbers")
}

fn params(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    CertificateParams::new(hosts).expect("invariant: the hosts are names or addresses")
}
