//! `--discovery-srv`: endpoints from the SRV records of a domain.
//!
//! `_etcd-client-ssl._tcp.DOMAIN` names endpoints with TLS, `_etcd-client._tcp.DOMAIN` those without. A name given with
//! `--discovery-srv-name` is appended to the service: `_etcd-client-ssl-NAME._tcp.DOMAIN`.

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::rdata::SRV;

use super::globals;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Values;
use crate::console::tell;
use crate::srv;

const SERVICE: &str = "etcd-client";

/// Where to look, and what to accept.
#[derive(Clone, Debug)]
struct Discovery {
    domain: String,
    /// Tells one cluster of the domain from another; empty for none.
    name: String,
    accepts_plain: bool,
}

/// The endpoints that the flags have looked up; `None` when they ask for none, or none that is acceptable was found.
///
/// Settings are read where nothing can be awaited, before a command does anything else, so the lookup has a thread and a
/// runtime of its own, and the command waits for it.
pub(super) fn endpoints(values: &Values) -> Outcome<Option<Vec<String>>> {
    let discovery = Discovery {
        domain: values.text(&globals::DISCOVERY_SRV),
        name: values.text(&globals::DISCOVERY_SRV_NAME),
        accepts_plain: values.switch(&globals::INSECURE_DISCOVERY),
    };
    if discovery.domain.is_empty() {
        return Ok(None);
    }
    let looking = std::thread::spawn(move || -> Outcome<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
            look_up(&resolver.map_err(Failure::error)?, &discovery).await
        })
    });
    let found = looking.join().map_err(|_| Failure::error("the lookup of the domain was given up"))??;
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// The name that the certificates of discovered servers must have: whoever can change the domain's records must not be able
/// to name servers of his own.
pub(super) fn server_name(values: &Values) -> String {
    match values.switch(&globals::INSECURE_DISCOVERY) {
        true => String::new(),
        false => values.text(&globals::DISCOVERY_SRV),
    }
}

async fn look_up(resolver: &TokioResolver, discovery: &Discovery) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for scheme in ["https", "http"] {
        let name = srv::record_name(SERVICE, scheme == "https", &discovery.name, &discovery.domain);
        match srv::records(resolver, &name).await {
            Ok(records) => found.extend(drawn(records).iter().map(|record| endpoint(scheme, record))),
            Err(error) => errors.push(format!("lookup {name}: {}", worded(&error))),
        }
    }
    if let [with_tls, plain] = errors.as_slice() {
        return Err(Failure::error(format!("dns lookup errors: {with_tls} and {plain}")));
    }
    if !discovery.accepts_plain {
        found.retain(|endpoint| {
            let is_plain = endpoint.starts_with("http://");
            if is_plain {
                tell(format_args!("ignoring discovered insecure endpoint {endpoint:?}"));
            }
            !is_plain
        });
    }
    Ok(found)
}

/// The records by priority, within one at random by their weights, as RFC 2782 has it.
fn drawn(records: Vec<SRV>) -> Vec<SRV> {
    // The smallest of exponentially distributed numbers is each one's with the probability of its rate.
    let mut drawn: Vec<(f64, SRV)> = records
        .into_iter()
        .map(|record| (-(1.0 - rand::random::<f64>()).ln() / f64::from(record.weight.max(1)), record))
        .collect();
    drawn.sort_by(|(one, this), (other, that)| this.priority.cmp(&that.priority).then(one.total_cmp(other)));
    drawn.into_iter().map(|(_, record)| record).collect()
}

/// etcdctl shows a host with the dot that ends its full name; certificates know no such name.
fn endpoint(scheme: &str, record: &SRV) -> String {
    let host = record.target.to_string();
    let host = if scheme == "https" { host.trim_end_matches('.') } else { &host };
    format!("{scheme}://{host}:{}", record.port)
}

fn worded(error: &NetError) -> String {
    match error.is_nx_domain() || error.is_no_records_found() {
        true => "no such host".to_owned(),
        false => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use hickory_resolver::config::{NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use tokio::net::UdpSocket;

    /// A record: the name asked for, priority, weight, port, target.
    type Known = (&'static str, u16, u16, u16, &'static str);

    const RECORDS: &[Known] = &[
        ("_etcd-client-ssl._tcp.example.com", 20, 0, 2379, "b.example.com"),
        ("_etcd-client-ssl._tcp.example.com", 10, 0, 2379, "a.example.com"),
        ("_etcd-client._tcp.example.com", 0, 0, 2381, "c.example.com"),
        ("_etcd-client-blue._tcp.example.com", 0, 0, 2382, "d.example.com"),
    ];

    fn labels(name: &str) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        bytes.push(0);
        bytes
    }

    /// The answer of a name server to a question, RFC 1035.
    fn answer(question: &[u8]) -> Vec<u8> {
        const HEADER: usize = 12;
        let end = HEADER + question[HEADER..].iter().position(|byte| *byte == 0).unwrap() + 1;
        let asked = question[HEADER..end].to_ascii_lowercase();
        let known: Vec<_> = RECORDS.iter().filter(|(name, ..)| labels(name) == asked).collect();
        let code = if known.is_empty() { 3 } else { 0 };
        let mut bytes =
            [&question[..2], &[0x85, 0x80 | code, 0, 1, 0, known.len() as u8, 0, 0, 0, 0]].concat();
        bytes.extend_from_slice(&question[HEADER..end + 4]);
        for (_, priority, weight, port, target) in known {
            let target = labels(target);
            // The name of the question, SRV, IN, a minute.
            bytes.extend_from_slice(&[0xc0, HEADER as u8, 0, 33, 0, 1, 0, 0, 0, 60]);
            bytes.extend_from_slice(&(6 + target.len() as u16).to_be_bytes());
            for number in [priority, weight, port] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            bytes.extend_from_slice(&target);
        }
        bytes
    }

    /// A resolver that asks a name server of this test.
    async fn resolver() -> TokioResolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                socket.send_to(&answer(&question[..length]), from).await.unwrap();
            }
        });
        let mut server = NameServerConfig::udp(address.ip());
        server.connections[0].port = address.port();
        let config = ResolverConfig::from_name_servers(vec![server]);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build().unwrap()
    }

    async fn found(domain: &str, name: &str, accepts_plain: bool) -> Result<Vec<String>, String> {
        let discovery = Discovery { domain: domain.to_owned(), name: name.to_owned(), accepts_plain };
        look_up(&resolver().await, &discovery).await.map_err(|failure| failure.message.unwrap())
    }

    #[tokio::test]
    async fn records_name_the_endpoints_by_priority() {
        let all = ["https://a.example.com:2379", "https://b.example.com:2379", "http://c.example.com.:2381"];
        assert_eq!(found("example.com", "", true).await.unwrap(), all);
        assert_eq!(found("example.com", "", false).await.unwrap(), all[..2]);
    }

    #[tokio::test]
    async fn a_name_tells_clusters_of_a_domain_apart() {
        assert_eq!(found("example.com", "blue", true).await.unwrap(), ["http://d.example.com.:2382"]);
        assert_eq!(found("example.com", "blue", false).await.unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn a_domain_without_records_is_an_error_that_names_them() {
        let error = found("example.org", "", true).await.unwrap_err();
        assert_eq!(
            error,
            "dns lookup errors: lookup _etcd-client-ssl._tcp.example.org: no such host and \
             lookup _etcd-client._tcp.example.org: no such host"
        );
    }
}
