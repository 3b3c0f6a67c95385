//! SRV records, by which a domain names the servers of a cluster.

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::SRV;

/// The name of the records of a service, with TLS or without. One that tells clusters of a domain apart is appended to the
/// service; empty for none.
pub(crate) fn record_name(service: &str, is_encrypted: bool, name: &str, domain: &str) -> String {
    let ssl = if is_encrypted { "-ssl" } else { "" };
    let name = if name.is_empty() { String::new() } else { format!("-{name}") };
    format!("_{service}{ssl}{name}._tcp.{domain}")
}

/// The records of a name, in the order of the answer.
pub(crate) async fn records(resolver: &TokioResolver, name: &str) -> Result<Vec<SRV>, NetError> {
    let answer = resolver.srv_lookup(name).await?;
    let records = answer.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(record) => Some(record.clone()),
        _ => None,
    });
    Ok(records.collect())
}
