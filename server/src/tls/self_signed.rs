//! Certificates for those who want traffic encrypted and have no authority: made once, kept in the data directory.
//!
//! They keep others from listening, not from pretending to be the server: a client has no way to know the key.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};

use super::TlsError;
use crate::platform;

const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";

/// A certificate that is younger than a client's clock is refused, and clocks differ.
const CLOCK_DIFFERENCE: Duration = Duration::hours(1);

const DAYS_PER_YEAR: i64 = 365;

/// Where the certificate and the key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) cert_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

/// The pair in `dir`, made for these hosts when there is none. Blocks.
pub(crate) fn pair(dir: &Path, hosts: &[String], years: u32) -> Result<Pair, TlsError> {
    let pair = Pair { cert_file: dir.join(CERT), key_file: dir.join(KEY) };
    if platform::is_file(&pair.cert_file) && platform::is_file(&pair.key_file) {
        return Ok(pair);
    }
    let (cert, key) = make(hosts, years)
        .map_err(|error| TlsError::Settings(format!("cannot make a certificate for --auto-tls: {error}")))?;
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    platform::create_private_dirs(dir).map_err(file(dir))?;
    platform::write_private_file(&pair.key_file, key.as_bytes()).map_err(file(&pair.key_file))?;
    platform::write_private_file(&pair.cert_file, cert.as_bytes()).map_err(file(&pair.cert_file))?;
    tracing::info!(cert_file = %pair.cert_file.display(), "created a self-signed certificate");
    Ok(pair)
}

fn make(hosts: &[String], years: u32) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(hosts.to_vec())?;
    params.distinguished_name.push(DnType::OrganizationName, "etcd");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - CLOCK_DIFFERENCE;
    params.not_after = now + Duration::days(DAYS_PER_YEAR * i64::from(years.max(1)));
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_pair_is_made_once_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("fixtures").join("client");
        let made = pair(&dir, &["localhost".to_owned(), "127.0.0.1".to_owned()], 1).unwrap();
        let cert = platform::read_file(&made.cert_file).unwrap();
        assert_eq!(pair(&dir, &[], 1).unwrap(), made);
        assert_eq!(platform::read_file(&made.cert_file).unwrap(), cert, "made anew");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&made.key_file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
