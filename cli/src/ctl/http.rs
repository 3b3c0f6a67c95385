//! What a server tells over plain HTTP on its client port, such as its metrics.

use super::session::Session;
use crate::http::{self, Answer, Server};

/// Metrics are some hundred kilobytes at most.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Asks the server behind an endpoint for a path. An endpoint is encrypted as it is for every other request.
pub(super) async fn get(session: &Session, endpoint: &str, path: &str) -> Result<Answer, String> {
    let (scheme, address) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let address = address.trim_end_matches('/');
    let tls = session.tls();
    let is_encrypted = match scheme {
        "http" => false,
        "https" => true,
        "" => tls.is_some(),
        _ => return Err(format!("{endpoint} does not speak HTTP: name an http:// or https:// endpoint")),
    };
    let tls = is_encrypted.then(|| tls.cloned().unwrap_or_default());
    let server = Server { address, tls: tls.as_ref(), answer_bytes_max: ANSWER_BYTES_MAX };
    // Some servers close without a farewell; an answer that is cut is noticed when it is read.
    http::ask(&server, &format!("GET {path}"), "Accept: */*\r\n", "").await
}
