//! Finds a short sequence that still shows a difference: leaves out ever smaller parts while it does.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::generate::Request;
use super::{Difference, Pair, Source};

/// Each try starts two servers; after this long what was found is short enough.
const SHRINK_TIME: Duration = Duration::from_secs(90);

pub(super) async fn shortest(
    pair: &Pair,
    made: &[Request],
    first: Difference,
) -> Result<(Vec<Request>, Difference)> {
    let begun = Instant::now();
    let mut requests = made[..made.len().min(first.at + 1)].to_vec();
    let mut difference = first;
    let mut part = requests.len().div_ceil(2);
    while part > 0 && begun.elapsed() < SHRINK_TIME {
        let mut from = 0;
        let mut shrunk = false;
        while from < requests.len() && begun.elapsed() < SHRINK_TIME {
            let mut without = requests.clone();
            without.drain(from..(from + part).min(requests.len()));
            match pair.play(Source::Recorded(&without)).await? {
                Some(smaller) => {
                    without.truncate(smaller.at + 1);
                    (requests, difference, shrunk) = (without, smaller, true);
                }
                None => from += part,
            }
        }
        part = match (shrunk, part) {
            (true, _) => part.min(requests.len().div_ceil(2)).max(1),
            (false, 1) => 0,
            (false, _) => part / 2,
        };
    }
    Ok((requests, difference))
}
