//! Addresses of members, as etcd's flags spell them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use super::ConfigError;

/// How a member is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// With TLS.
    Https,
    /// A Unix socket.
    Unix,
    /// A Unix socket with TLS.
    Unixs,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Unix => "unix",
            Scheme::Unixs => "unixs",
        }
    }
}

/// One address. Prints as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberUrl {
    /// How.
    pub scheme: Scheme,
    /// Host and port, or the path of a socket.
    pub address: String,
}

impl fmt::Display for MemberUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.address)
    }
}

impl MemberUrl {
    /// An address in the clear. An IPv6 host stands without brackets.
    pub fn http(host: &str, port: u16) -> Self {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        MemberUrl { scheme: Scheme::Http, address }
    }

    /// Reads one URL.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "unix" => Scheme::Unix,
            "unixs" => Scheme::Unixs,
            _ => return Err(ConfigError(format!("URL scheme must be http, https, unix, or unixs: {text}"))),
        };
        let url = MemberUrl { scheme, address: rest.to_owned() };
        if matches!(scheme, Scheme::Unix | Scheme::Unixs) {
            return Ok(url);
        }
        if rest.contains(['/', '?', '#']) {
            return Err(ConfigError(format!("URL must not contain a path: {text}")));
        }
        if url.host_and_port().is_none() {
            return Err(ConfigError(format!("URL address does not have the form \"host:port\": {text}")));
        }
        Ok(url)
    }

    /// Host without brackets and port; none for a socket path.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        if matches!(self.scheme, Scheme::Unix | Scheme::Unixs) {
            return None;
        }
        let (host, port) = self.address.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        Some((host, port))
    }

    /// Whether both lead to the same place, one by a name and the other by an address perhaps, as etcd compares them. Asks the
    /// name servers only where the texts differ, which blocks.
    pub(crate) fn leads_where(&self, other: &MemberUrl) -> bool {
        let addresses = |url: &MemberUrl| -> Vec<SocketAddr> {
            url.host_and_port()
                .and_then(|place| place.to_socket_addrs().ok())
                .map_or_else(Vec::new, Iterator::collect)
        };
        self == other
            || self.scheme == other.scheme && {
                let others = addresses(other);
                addresses(self).iter().any(|address| others.contains(address))
            }
    }

    /// Whether something can listen here: an IP address or localhost.
    pub(super) fn check_listen(&self) -> Result<(), ConfigError> {
        match self.scheme {
            Scheme::Http | Scheme::Https => {}
            Scheme::Unix | Scheme::Unixs if cfg!(unix) => return Ok(()),
            Scheme::Unix | Scheme::Unixs => {
                return Err(ConfigError(format!(
                    "cannot listen on {self}: there are no Unix sockets here; use http"
                )));
            }
        }
        let Some((host, _)) = self.host_and_port() else {
            return Err(ConfigError(format!("URL address does not have the form \"host:port\": {self}")));
        };
        let zone_free = host.split_once('%').map_or(host, |(address, _)| address);
        if !host.is_empty() && host != "localhost" && zone_free.parse::<IpAddr>().is_err() {
            return Err(ConfigError(format!("expected IP in URL for binding ({self})")));
        }
        Ok(())
    }
}

/// Reads a list of URLs separated by commas; the result is sorted, as etcd has it.
pub fn parse_urls(text: &str) -> Result<Vec<MemberUrl>, ConfigError> {
    let mut urls = text.split(',').map(MemberUrl::parse).collect::<Result<Vec<_>, _>>()?;
    urls.sort_by_key(MemberUrl::to_string);
    Ok(urls)
}

/// The value of `--initial-cluster`: members by name.
pub(super) struct UrlsByName(BTreeMap<String, Vec<MemberUrl>>);

impl UrlsByName {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut members = BTreeMap::<String, Vec<MemberUrl>>::new();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (name, url) = pair.split_once('=').unwrap_or((pair, ""));
            members.entry(name.to_owned()).or_default().push(MemberUrl::parse(url)?);
        }
        Ok(UrlsByName(members))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Vec<MemberUrl>> {
        self.0.get(name)
    }

    pub(super) fn into_inner(self) -> BTreeMap<String, Vec<MemberUrl>> {
        self.0
    }

    pub(super) fn has_duplicate_url(&self) -> bool {
        let mut seen = BTreeSet::new();
        !self.0.values().flatten().all(|url| seen.insert(url))
    }

    /// The member must be told to others the way it is told to itself, else they would never meet. Blocks where names have
    /// to be looked up.
    pub(super) fn check_advertised(&self, name: &str, advertised: &[MemberUrl]) -> Result<(), ConfigError> {
        let own = self.get(name).map(Vec::as_slice).unwrap_or_default();
        let join = |urls: Vec<String>| urls.join(",");
        let missing: Vec<String> =
            own.iter().filter(|url| !is_among(url, advertised)).map(|url| format!("{name}={url}")).collect();
        if !missing.is_empty() {
            return Err(ConfigError(format!(
                "--initial-cluster has {} but missing from --initial-advertise-peer-urls={}",
                join(missing),
                join(advertised.iter().map(MemberUrl::to_string).collect())
            )));
        }
        let missing: Vec<String> =
            advertised.iter().filter(|url| !is_among(url, own)).map(MemberUrl::to_string).collect();
        if !missing.is_empty() {
            return Err(ConfigError(format!(
                "--initial-advertise-peer-urls has {} but missing from --initial-cluster={}",
                join(missing),
                join(own.iter().map(|url| format!("{name}={url}")).collect())
            )));
        }
        Ok(())
    }
}

/// Whether one of these leads where it does.
fn is_among(url: &MemberUrl, urls: &[MemberUrl]) -> bool {
    urls.contains(url) || urls.iter().any(|other| url.leads_where(other))
}

/// Whether two lists lead to the same places. Blocks where names have to be looked up.
pub(crate) fn are_same(one: &[MemberUrl], other: &[MemberUrl]) -> bool {
    one.len() == other.len()
        && one.iter().all(|url| is_among(url, other))
        && other.iter().all(|url| is_among(url, one))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn urls_are_the_same_that_lead_to_the_same_places() {
        let urls = |texts: &[&str]| -> Vec<MemberUrl> {
            texts.iter().map(|text| MemberUrl::parse(text).unwrap()).collect()
        };
        let named = urls(&["http://localhost:1", "http://10.0.0.1:2"]);
        assert!(are_same(&named, &urls(&["http://10.0.0.1:2", "http://127.0.0.1:1"])));
        for other in [
            &["http://127.0.0.1:1"][..],
            &["https://127.0.0.1:1", "http://10.0.0.1:2"],
            &["http://127.0.0.1:3", "http://10.0.0.1:2"],
            &["http://127.0.0.1:1", "http://127.0.0.1:1"],
        ] {
            assert!(!are_same(&named, &urls(other)), "{other:?}");
        }
    }

    #[test]
    fn urls_are_refused_in_etcds_words() {
        let table = [
            ("foo", "URL scheme must be http, https, unix, or unixs: foo"),
            ("ftp://a:1", "URL scheme must be http, https, unix, or unixs: ftp://a:1"),
            ("http://a:1/path", "URL must not contain a path: http://a:1/path"),
            ("http://a", "URL address does not have the form \"host:port\": http://a"),
            ("http://a:99999", "URL address does not have the form \"host:port\": http://a:99999"),
            ("http://::1:1", "URL address does not have the form \"host:port\": http://::1:1"),
        ];
        for (text, message) in table {
            assert_eq!(MemberUrl::parse(text).unwrap_err().0, message);
        }
    }

    #[test]
    fn listening_needs_an_address_not_a_name() {
        let listen = |text| MemberUrl::parse(text).unwrap().check_listen();
        assert!(listen("http://0.0.0.0:2379").is_ok());
        assert!(listen("http://localhost:0").is_ok());
        assert!(listen("http://[::1]:1").is_ok());
        assert_eq!(
            listen("http://example.com:2379").unwrap_err().0,
            "expected IP in URL for binding (http://example.com:2379)"
        );
        assert_eq!(listen("unix://socket").is_ok(), cfg!(unix));
    }

    #[test]
    fn a_list_is_sorted() {
        let urls = parse_urls("http://b:1, http://a:2").unwrap();
        assert_eq!(urls.iter().map(MemberUrl::to_string).collect::<Vec<_>>(), ["http://a:2", "http://b:1"]);
        assert_eq!(MemberUrl::parse("http://[::1]:7").unwrap().host_and_port(), Some(("::1", 7)));
        assert_eq!(MemberUrl::http("::1", 7).to_string(), "http://[::1]:7");
    }
}
