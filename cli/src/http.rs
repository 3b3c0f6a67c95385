//! Plain HTTP requests to one server, with or without TLS: metrics of an endpoint, a registry behind a URL.

use std::sync::Arc;
use std::time::Duration;

use etcdkit::TlsPem;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer: its status and what follows the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Why the connection ended without a farewell, if it did: the body may be cut.
    pub(crate) cut: Option<String>,
}

/// Who is asked.
pub(crate) struct Server<'a> {
    /// `HOST:PORT`, as in the header.
    pub(crate) address: &'a str,
    /// How it is encrypted, if it is.
    pub(crate) tls: Option<&'a TlsPem>,
    /// Most bytes of an answer: something else that answers there must not fill the memory.
    pub(crate) answer_bytes_max: u64,
}

/// Sends a request line, with its headers but for the host's, and a body.
pub(crate) async fn ask(
    server: &Server<'_>,
    line: &str,
    headers: &str,
    body: &str,
) -> Result<Answer, String> {
    let address = server.address;
    // HTTP/1.0 has no chunks to be put together.
    let request = format!("{line} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n{body}");
    let answer = tokio::time::timeout(TIMEOUT, send(server, &request)).await;
    answer.map_err(|_| format!("no answer within {TIMEOUT:?}"))?
}

async fn send(server: &Server<'_>, request: &str) -> Result<Answer, String> {
    let address = server.address;
    let connection = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let bytes_max = server.answer_bytes_max;
    let Some(tls) = server.tls else { return talk(connection, request, bytes_max).await };
    let config = tls.client_config().map_err(|error| error.to_string())?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let host = if tls.server_name.is_empty() { host } else { &tls.server_name };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connection = TlsConnector::from(Arc::new(config)).connect(name, connection).await;
    talk(connection.map_err(|error| error.to_string())?, request, bytes_max).await
}

async fn talk(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
    bytes_max: u64,
) -> Result<Answer, String> {
    connection.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let cut = connection.take(bytes_max).read_to_end(&mut answer).await.err().map(|error| error.to_string());
    match cut {
        Some(error) if answer.is_empty() => Err(error),
        cut => Ok(Answer { cut, ..parse(&String::from_utf8_lossy(&answer))? }),
    }
}

fn parse(answer: &str) -> Result<Answer, String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("what answers does not speak HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or("what answers does not speak HTTP")?;
    Ok(Answer { status, body: body.to_owned(), cut: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = parse("HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!(answer, Ok(Answer { status: 404, body: "no".to_owned(), cut: None }));
        for odd in ["", "hello", "HTTP/1.0\r\n\r\n"] {
            assert!(parse(odd).is_err(), "{odd:?}");
        }
    }
}
