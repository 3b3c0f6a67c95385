//! `/debug/pprof`: a profile in the form that `go tool pprof` and its kin read, under the paths of Go's.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_DISPOSITION, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::answer::{binary, plain};
use crate::api::ApiBody;
use crate::profile::Profiler;

/// Where it is found.
pub(super) const PATH: &str = "/debug/pprof/";

/// Seconds of a profile that names none, as in Go.
const SECONDS: u64 = 30;
/// Longest profile: samples of all stacks are kept for as long.
const SECONDS_MAX: u64 = 600;

const INDEX: &str = "/debug/pprof/\n\nprofile?seconds=30\twhere the processor's time goes\ncmdline\tthe command line\n\n\
                     go tool pprof http://HOST:PORT/debug/pprof/profile\n";

/// Go's tools know by this that an error is told in text.
const GO_PPROF: HeaderName = HeaderName::from_static("x-go-pprof");

pub(super) async fn answer(profiler: &Arc<dyn Profiler>, path: &str, query: &str) -> Response<ApiBody> {
    match path.strip_prefix(PATH) {
        Some("") => plain(StatusCode::OK, INDEX),
        Some("cmdline") => {
            let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            plain(StatusCode::OK, words.join("\0"))
        }
        Some("profile") => match seconds(query) {
            Ok(seconds) => profile(profiler, Duration::from_secs(seconds)).await,
            Err(why) => refused(StatusCode::BAD_REQUEST, &why),
        },
        _ => refused(StatusCode::NOT_FOUND, "Unknown profile"),
    }
}

async fn profile(profiler: &Arc<dyn Profiler>, time: Duration) -> Response<ApiBody> {
    match profiler.profile(time).await {
        Ok(profile) => {
            let mut response = binary(profile);
            let name = HeaderValue::from_static("attachment; filename=\"profile\"");
            response.headers_mut().insert(CONTENT_DISPOSITION, name);
            response
        }
        Err(error) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("Could not enable CPU profiling: {error}"))
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response<ApiBody> {
    let mut response = plain(status, format!("{why}\n"));
    response.headers_mut().insert(GO_PPROF, HeaderValue::from_static("1"));
    response
}

/// What Go cannot read is the default too.
fn seconds(query: &str) -> Result<u64, String> {
    let given = query.split('&').find_map(|pair| pair.strip_prefix("seconds="));
    match given.and_then(|given| given.parse().ok()).filter(|seconds| *seconds > 0) {
        None => Ok(SECONDS),
        Some(seconds) if seconds > SECONDS_MAX => {
            Err(format!("a profile takes at most {SECONDS_MAX} seconds, not {seconds}"))
        }
        Some(seconds) => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_as_go_does_and_bounded() {
        for (query, expected) in
            [("", 30), ("seconds=2", 2), ("debug=1&seconds=5", 5), ("seconds=0", 30), ("seconds=x", 30)]
        {
            assert_eq!(seconds(query), Ok(expected), "{query}");
        }
        assert!(seconds("seconds=601").is_err_and(|why| why.contains("at most 600")));
    }
}
