//! Asks a server for its memory, which it tells among its metrics.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const METRIC: &str = "process_resident_memory_bytes";

/// How long the metrics may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Metrics are some hundred kilobytes at most; something else that answers there must not fill the memory.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// The resident memory of the server behind an endpoint, or why it is not known.
pub(super) async fn resident_bytes(endpoint: &str) -> Result<f64, String> {
    let address = endpoint.strip_prefix("http://").unwrap_or(endpoint).trim_end_matches('/');
    if address.contains("://") {
        return Err(format!("fetch error: {endpoint} cannot be asked for metrics: name an http:// endpoint"));
    }
    let answer = tokio::time::timeout(TIMEOUT, fetch(address)).await;
    let answer = answer.map_err(|_| format!("fetch error: no answer within {TIMEOUT:?}"))?;
    let answer = answer.map_err(|error| format!("fetch error: {error}"))?;
    find(&answer)
}

/// HTTP/1.0 has no chunks to be put together.
async fn fetch(address: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\nAccept: text/plain\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn find(metrics: &str) -> Result<f64, String> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(METRIC)).map(str::trim);
    let value = value.filter(|value| !value.is_empty()).ok_or_else(|| format!("could not find: {METRIC}"))?;
    value.parse().map_err(|error| format!("parse error: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metric_is_found_among_others() {
        let metrics =
            "HTTP/1.0 200 OK\r\n\r\n# HELP x\nprocess_open_fds 9\nprocess_resident_memory_bytes 2.5e+07\n";
        assert_eq!(find(metrics), Ok(2.5e7));
        assert_eq!(find("nothing"), Err("could not find: process_resident_memory_bytes".to_owned()));
        assert!(find("process_resident_memory_bytes x").is_err());
    }
}
