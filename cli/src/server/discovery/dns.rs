//! The members of a cluster by the SRV records of a domain.

use std::collections::HashMap;
use std::net::SocketAddr;

use etcdkit_server::config::{Config, MemberUrl, Scheme};
use hickory_resolver::TokioResolver;

use crate::srv;

const SERVICE: &str = "etcd-server";

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    /// Where that is, as far as the names tell.
    addresses: Vec<SocketAddr>,
}

/// Finds all members and writes them into the settings.
pub(super) async fn find(domain: &str, name: &str, config: &mut Config) -> Result<(), String> {
    let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
    let resolver = resolver.map_err(|error| format!("cannot look up names: {error}"))?;
    let mut own = HashMap::new();
    for url in &config.initial_advertise_peer_urls {
        for address in addresses_of(url).await {
            own.insert(address, url.clone());
        }
    }
    let (mut pairs, mut errors) = (Vec::new(), Vec::new());
    for scheme in [Scheme::Https, Scheme::Http] {
        let record = srv::record_name(SERVICE, scheme == Scheme::Https, name, domain);
        let found = match targets(&resolver, &record).await {
            Ok(targets) => members(scheme, &config.name, &targets, &own),
            Err(error) => Err(format!("error querying DNS SRV records for {record}: {error}")),
        };
        tracing::info!(record, ?found, "looked for the members of the cluster in DNS");
        match found {
            Ok(found) => pairs.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if pairs.is_empty() {
        return Err(errors.join("; "));
    }
    if !pairs.iter().any(|pair| pair.starts_with(&format!("{}=", config.name))) {
        return Err(format!("cannot find local etcd member {:?} in SRV records", config.name));
    }
    if config.peer_tls.trusted_ca_file.as_os_str().is_empty()
        && pairs.iter().any(|pair| pair.contains("https://"))
    {
        // Who can change the records of the domain must not be able to name members of his own.
        config.peer_tls.server_name = domain.to_owned();
    }
    config.initial_cluster = Some(pairs.join(","));
    Ok(())
}

async fn targets(resolver: &TokioResolver, record: &str) -> Result<Vec<Target>, String> {
    let records = srv::records(resolver, record).await.map_err(|error| error.to_string())?;
    let mut targets = Vec::new();
    for record in records {
        let host = record.target.to_string().trim_end_matches('.').to_owned();
        let found = resolver.lookup_ip(host.as_str()).await;
        let addresses = found.map(|found| found.iter().map(|ip| SocketAddr::new(ip, record.port)).collect());
        match addresses {
            Ok(addresses) => targets.push(Target { host, port: record.port, addresses }),
            Err(error) => tracing::warn!(host, %error, "a member of the SRV records has no address"),
        }
    }
    Ok(targets)
}

async fn addresses_of(url: &MemberUrl) -> Vec<SocketAddr> {
    let Some((host, port)) = url.host_and_port() else { return Vec::new() };
    tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

/// The pairs of `--initial-cluster`. The record with an address of this member has its name; the names of the others do
/// not matter and are numbers, as in etcd.
fn members(
    scheme: Scheme,
    name: &str,
    targets: &[Target],
    own: &HashMap<SocketAddr, MemberUrl>,
) -> Result<Vec<String>, String> {
    let mut number = 0;
    let mut pairs = Vec::new();
    for target in targets {
        let url = MemberUrl { scheme, ..MemberUrl::http(&target.host, target.port) };
        let ours = target.addresses.iter().find_map(|address| own.get(address));
        if let Some(ours) = ours.filter(|ours| ours.scheme != scheme) {
            return Err(format!(
                "bootstrap at {url} from DNS for {SERVICE} has scheme mismatch with expected peer {ours}"
            ));
        }
        match ours {
            Some(_) => pairs.push(format!("{name}={url}")),
            None => {
                pairs.push(format!("{number}={url}"));
                number += 1;
            }
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn target(host: &str, address: &str) -> Target {
        Target { host: host.to_owned(), port: 2380, addresses: vec![address.parse().unwrap()] }
    }

    #[test]
    fn the_record_of_a_service_has_its_scheme_and_name() {
        assert_eq!(srv::record_name(SERVICE, false, "", "example.com"), "_etcd-server._tcp.example.com");
        assert_eq!(
            srv::record_name(SERVICE, true, "a", "example.com"),
            "_etcd-server-ssl-a._tcp.example.com"
        );
    }

    #[test]
    fn the_own_record_has_the_own_name() {
        let targets = [
            target("a.example", "10.0.0.1:2380"),
            target("b.example", "10.0.0.2:2380"),
            target("c.example", "10.0.0.3:2380"),
        ];
        let address: SocketAddr = "10.0.0.2:2380".parse().unwrap();
        let own = HashMap::from([(address, MemberUrl::http("10.0.0.2", 2380))]);
        let pairs = members(Scheme::Http, "m", &targets, &own).unwrap();
        assert_eq!(pairs, ["0=http://a.example:2380", "m=http://b.example:2380", "1=http://c.example:2380"]);
        let mismatch = members(Scheme::Https, "m", &targets, &own).unwrap_err();
        assert!(
            mismatch.contains("has scheme mismatch with expected peer http://10.0.0.2:2380"),
            "{mismatch}"
        );
    }
}
