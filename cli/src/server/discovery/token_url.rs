//! A registry behind a URL, with the keys of etcd's first API.

use etcdkit::TlsPem;
use serde::Deserialize;

use super::join::{Registered, Trouble};
use crate::http::{self, Server};

/// A registry answers with some hundred bytes a member.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

const OK: u16 = 200;
const CREATED: u16 = 201;
const NOT_FOUND: u16 = 404;
/// The key is there already: this member has registered before.
const PRECONDITION_FAILED: u16 = 412;

/// The URL of a token.
#[derive(Clone, Debug)]
pub(super) struct TokenUrl {
    encrypted: bool,
    host: String,
    port: u16,
    path: String,
}

#[derive(Deserialize)]
struct Answer {
    node: Node,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    created_index: i64,
}

impl TokenUrl {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &dyn std::fmt::Display| format!("invalid discovery URL {text:?}: {why}");
        let url = url::Url::parse(text).map_err(|error| refused(&error))?;
        let encrypted = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(refused(&"it is neither http nor https")),
        };
        let host = url.host_str().ok_or_else(|| refused(&"it has no host"))?.to_owned();
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(TokenUrl { encrypted, host, port, path: url.path().trim_end_matches('/').to_owned() })
    }

    pub(super) async fn size(&self) -> Result<Option<String>, Trouble> {
        match self.ask("GET", "/_config/size", "").await? {
            (OK, body) => Ok(Some(read(&body)?.value)),
            (NOT_FOUND, _) => Ok(None),
            (status, body) => Err(unexpected(status, &body)),
        }
    }

    pub(super) async fn members(&self) -> Result<Vec<Registered>, Trouble> {
        let (status, body) = self.ask("GET", "", "").await?;
        if status != OK {
            return Err(unexpected(status, &body));
        }
        let registered = read(&body)?.nodes.into_iter().map(|node| Registered {
            id: node.key.rsplit('/').next().unwrap_or_default().to_owned(),
            pairs: node.value,
            created: node.created_index,
        });
        Ok(registered.filter(|member| !member.id.starts_with('_')).collect())
    }

    pub(super) async fn register(&self, id: &str, pairs: &str) -> Result<(), Trouble> {
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("value", pairs)
            .append_pair("prevExist", "false")
            .finish();
        match self.ask("PUT", &format!("/{id}?prevExist=false"), &form).await? {
            (OK | CREATED | PRECONDITION_FAILED, _) => Ok(()),
            (status, body) => Err(unexpected(status, &body)),
        }
    }

    async fn ask(&self, method: &str, below: &str, form: &str) -> Result<(u16, String), Trouble> {
        let address = format!("{}:{}", self.host, self.port);
        let tls = self.encrypted.then(TlsPem::default);
        let server = Server { address: &address, tls: tls.as_ref(), answer_bytes_max: ANSWER_BYTES_MAX };
        let headers = format!(
            "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
        let line = format!("{method} {}{below}", self.path);
        let answer = http::ask(&server, &line, &headers, form).await.map_err(Trouble::Silent)?;
        match answer.cut {
            Some(why) => Err(Trouble::Silent(why)),
            None => Ok((answer.status, answer.body)),
        }
    }
}

fn read(body: &str) -> Result<Node, Trouble> {
    let answer: Result<Answer, _> = serde_json::from_str(body);
    answer
        .map(|answer| answer.node)
        .map_err(|error| Trouble::Silent(format!("an answer cannot be read: {error}")))
}

fn unexpected(status: u16, body: &str) -> Trouble {
    match status {
        NOT_FOUND => Trouble::Final("discovery: the token is not known".to_owned()),
        _ => Trouble::Silent(format!("HTTP status {status}: {}", body.trim())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_url_has_a_host_and_a_token() {
        let url = TokenUrl::parse("http://127.0.0.1:8087/abc").unwrap();
        assert_eq!((url.encrypted, url.host.as_str(), url.port), (false, "127.0.0.1", 8087));
        assert_eq!(url.path, "/abc");
        assert_eq!(TokenUrl::parse("https://discovery.example/abc/").unwrap().port, 443);
        for bad in ["abc", "ftp://host/abc", "http://"] {
            assert!(TokenUrl::parse(bad).unwrap_err().contains("invalid discovery URL"), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_a_node() {
        let node = read(
            r#"{"action":"get","node":{"key":"/t","dir":true,"nodes":[{"key":"/t/1","value":"a=b","createdIndex":7}]}}"#,
        );
        let node = node.unwrap();
        assert_eq!((node.nodes[0].value.as_str(), node.nodes[0].created_index), ("a=b", 7));
        assert!(matches!(read("no"), Err(Trouble::Silent(_))));
    }
}
