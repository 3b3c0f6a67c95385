//! Asks a server for its memory, which it tells among its metrics.

use crate::ctl::http;
use crate::ctl::session::Session;

const METRIC: &str = "process_resident_memory_bytes";

/// The resident memory of the server behind an endpoint, or why it is not known.
pub(super) async fn resident_bytes(session: &Session, endpoint: &str) -> Result<f64, String> {
    let answer = http::get(session, endpoint, "/metrics").await;
    find(&answer.map_err(|why| format!("fetch error: {why}"))?.body)
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
        let metrics = "# HELP x\nprocess_open_fds 9\nprocess_resident_memory_bytes 2.5e+07\n";
        assert_eq!(find(metrics), Ok(2.5e7));
        assert_eq!(find("nothing"), Err("could not find: process_resident_memory_bytes".to_owned()));
        assert!(find("process_resident_memory_bytes x").is_err());
    }
}
