//! What a server tells over plain HTTP on its client port, such as its metrics.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::session::Session;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Metrics are some hundred kilobytes at most; something else that answers there must not fill the memory.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// An answer: its status and what follows the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Asks the server behind an endpoint for a path. An endpoint is encrypted as it is for every other request.
pub(super) async fn get(session: &Session, endpoint: &str, path: &str) -> Result<Answer, String> {
    let answer = tokio::time::timeout(TIMEOUT, ask(session, endpoint, path)).await;
    answer.map_err(|_| format!("no answer within {TIMEOUT:?}"))?
}

async fn ask(session: &Session, endpoint: &str, path: &str) -> Result<Answer, String> {
    let (scheme, address) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let address = address.trim_end_matches('/');
    let tls = session.tls();
    let is_encrypted = match scheme {
        "http" => false,
        "https" => true,
        "" => tls.is_some(),
        _ => return Err(format!("{endpoint} does not speak HTTP: name an http:// or https:// endpoint")),
    };
    let connection = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    if !is_encrypted {
        return talk(connection, address, path).await;
    }
    let tls = tls.cloned().unwrap_or_default();
    let config = tls.client_config().map_err(|error| error.to_string())?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let host = if tls.server_name.is_empty() { host } else { &tls.server_name };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connection = TlsConnector::from(Arc::new(config)).connect(name, connection).await;
    talk(connection.map_err(|error| error.to_string())?, address, path).await
}

/// HTTP/1.0 has no chunks to be put together.
async fn talk(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    address: &str,
    path: &str,
) -> Result<Answer, String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: */*\r\n\r\n");
    connection.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let read = connection.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
    // Over TLS some servers close without a farewell; an answer that is cut is noticed when it is read.
    match read {
        Err(error) if answer.is_empty() => Err(error.to_string()),
        _ => parse(&String::from_utf8_lossy(&answer)),
    }
}

fn parse(answer: &str) -> Result<Answer, String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("what answers does not speak HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or("what answers does not speak HTTP")?;
    Ok(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = parse("HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!(answer, Ok(Answer { status: 404, body: "no".to_owned() }));
        for odd in ["", "hello", "HTTP/1.0\r\n\r\n"] {
            assert!(parse(odd).is_err(), "{odd:?}");
        }
    }
}
