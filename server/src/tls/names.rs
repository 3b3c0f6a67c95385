//! What stands in a certificate beside its key: whether the one who shows it may be who it is.

use std::net::IpAddr;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsSettings;

/// Whether a verified certificate has one of the names that are asked for; any will do where none is.
///
/// # Errors
/// It has none of them; the text says so.
pub(super) fn check_allowed(settings: &TlsSettings, certificate: &CertificateDer<'_>) -> Result<(), String> {
    let refused = || Err("the certificate carries none of the allowed names".to_owned());
    if !settings.allowed_common_names.is_empty() {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let allowed = name.is_some_and(|name| settings.allowed_common_names.iter().any(|it| it == name));
        return if allowed { Ok(()) } else { refused() };
    }
    if !settings.allowed_hostnames.is_empty() {
        let parsed = ParsedCertificate::try_from(certificate).map_err(|error| error.to_string())?;
        let carries = |host: &String| {
            ServerName::try_from(host.as_str()).is_ok_and(|host| verify_server_name(&parsed, &host).is_ok())
        };
        return if settings.allowed_hostnames.iter().any(carries) { Ok(()) } else { refused() };
    }
    Ok(())
}

/// Whether the addresses and names in a certificate, where it has any, are those of the one who shows it. So a member's
/// certificate is of no use to a machine that has stolen it.
///
/// # Errors
/// They are not; the text is etcd's.
pub(super) async fn check_address(certificate: &CertificateDer<'_>, address: IpAddr) -> Result<(), String> {
    let address = address.to_canonical();
    let (addresses, hosts) = addresses_and_hosts(certificate)?;
    if (addresses.is_empty() && hosts.is_empty()) || addresses.contains(&address) {
        return Ok(());
    }
    if hosts.is_empty() {
        let valid: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        return Err(format!("x509: certificate is valid for {}, not {address}", valid.join(", ")));
    }
    let (wild, plain): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| host.starts_with("*."));
    for host in plain {
        let found = tokio::net::lookup_host((host.as_str(), 0)).await;
        if found.is_ok_and(|mut found| found.any(|found| found.ip().to_canonical() == address)) {
            return Ok(());
        }
    }
    if !wild.is_empty() && any_is_name_of(&wild, &name_of(address).await) {
        return Ok(());
    }
    Err(format!(
        "tls: \"{address}\" does not match any of DNSNames {hosts:?}; --peer-skip-client-san-verification does \
         without the check"
    ))
}

/// What the system's files and the name servers call an address; the address itself where they do not know it.
async fn name_of(address: IpAddr) -> String {
    let asked = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&address)).await;
    asked.ok().and_then(Result::ok).unwrap_or_default()
}

/// A wildcard stands for any number of labels here, as it does in etcd.
fn any_is_name_of(wildcards: &[&String], name: &str) -> bool {
    let name = name.trim_end_matches('.');
    wildcards.iter().any(|wildcard| name.ends_with(&wildcard[1..]))
}

fn addresses_and_hosts(certificate: &CertificateDer<'_>) -> Result<(Vec<IpAddr>, Vec<String>), String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let extension = parsed.subject_alternative_name().ok().flatten();
    let (mut addresses, mut hosts) = (Vec::new(), Vec::new());
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(host) => hosts.push((*host).to_owned()),
            GeneralName::IPAddress(bytes) => {
                if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
                    addresses.push(IpAddr::from(four));
                } else if let Ok(sixteen) = <[u8; 16]>::try_from(*bytes) {
                    addresses.push(IpAddr::from(sixteen).to_canonical());
                }
            }
            _ => {}
        }
    }
    Ok((addresses, hosts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(common_name: &str, hosts: &[&str]) -> CertificateDer<'static> {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn one_of_the_names_asked_for_is_enough() {
        let shown = certificate("m1", &["a.example", "*.b.example", "10.0.0.1"]);
        let hosts = |name: &str| TlsSettings { allowed_hostnames: vec![name.into()], ..Default::default() };
        let names =
            |name: &str| TlsSettings { allowed_common_names: vec![name.into()], ..Default::default() };
        for settings in [hosts("a.example"), hosts("x.b.example"), hosts("10.0.0.1"), names("m1")] {
            assert_eq!(check_allowed(&settings, &shown), Ok(()), "{settings:?}");
        }
        for settings in [hosts("b.example"), hosts("m1"), names("m2"), names("a.example")] {
            assert!(check_allowed(&settings, &shown).is_err(), "{settings:?}");
        }
        assert_eq!(check_allowed(&TlsSettings::default(), &shown), Ok(()));
    }

    #[test]
    fn a_wildcard_names_what_is_below_it() {
        let wildcards = ["*.a.example".to_owned(), "*.b.example".to_owned()];
        let wildcards: Vec<&String> = wildcards.iter().collect();
        for name in ["m.a.example", "m.b.example.", "m.n.b.example"] {
            assert!(any_is_name_of(&wildcards, name), "{name}");
        }
        for name in ["", "a.example", "ma.example", "m.a.example.com", "10.0.0.1"] {
            assert!(!any_is_name_of(&wildcards, name), "{name}");
        }
    }

    #[tokio::test]
    async fn a_certificate_names_the_address_of_the_one_who_shows_it() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        for (hosts, fits) in [
            (&[][..], true),
            (&["127.0.0.1"], true),
            (&["localhost"], true),
            (&["10.0.0.1", "localhost"], true),
            (&["10.0.0.1"], false),
            (&["*.example"], false),
        ] {
            let shown = certificate("m1", hosts);
            let checked = check_address(&shown, local).await;
            assert_eq!(checked.is_ok(), fits, "{hosts:?}: {checked:?}");
            // A socket that speaks both families has the old addresses in the form of the new.
            let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
            assert_eq!(check_address(&shown, mapped).await.is_ok(), fits, "{hosts:?}");
        }
    }
}
