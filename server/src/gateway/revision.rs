//! `/etcdkit/revision`: which revision there was at a time, for `etcdkit watch --since`. etcd has no such thing.

use http::{Response, StatusCode};

use super::answer::{json_text, plain};
use crate::api::{Api, ApiBody};
use crate::timeline;

/// The path.
pub(super) const PATH: &str = "/etcdkit/revision";

/// Answers `?ago=MILLISECONDS` and `?at=MILLISECONDS` since 1970, by the clock of this member.
pub(super) fn revision(api: &Api, query: &str) -> Response<ApiBody> {
    let now = timeline::now();
    let Some(time) = asked(query, now) else {
        return plain(
            StatusCode::BAD_REQUEST,
            "ask for ?ago=<milliseconds> or ?at=<milliseconds since 1970>\n",
        );
    };
    let text = serde_json::json!({
        "now": now,
        "known_since": api.timeline.known_since(),
        "revision": api.timeline.revision_at(time),
    });
    json_text(StatusCode::OK, text.to_string())
}

fn asked(query: &str, now: u64) -> Option<u64> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (name, value) = pairs.next()?;
    let value: u64 = value.parse().ok()?;
    match name.as_ref() {
        "at" => Some(value),
        "ago" => Some(now.saturating_sub(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_given_or_counted_back() {
        assert_eq!(asked("at=17", 1000), Some(17));
        assert_eq!(asked("ago=400", 1000), Some(600));
        assert_eq!(asked("ago=4000", 1000), Some(0));
        for bad in ["", "at", "at=x", "since=1", "ago=-1"] {
            assert_eq!(asked(bad, 1000), None, "{bad}");
        }
    }
}
