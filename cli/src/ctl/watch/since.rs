//! `--since`: from a time to the revision that a watch begins with.
//!
//! Revisions have no times in etcd's model. A server of etcdkit remembers which revision there was when; it is asked, and
//! what it does not know is said instead of guessed.

use std::time::Duration;

use etcdkit::{Client, GetOptions, WatchOptions};
use etcdkit_proto::EtcdError;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{REV, SINCE};
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Values;
use crate::console::{duration, tell};
use crate::ctl::get::not_both;
use crate::ctl::http;
use crate::ctl::session::{Session, failed};

/// The word for the oldest revision that is left.
const COMPACTED: &str = "compacted";

/// The path at which a server of etcdkit tells what it remembers.
const PATH: &str = "/etcdkit/revision";

/// What `--since` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// All that compaction has left.
    Compacted,
    Revision(i64),
    Ago(Duration),
    At(OffsetDateTime),
}

/// What the server remembers of a time.
#[derive(Deserialize)]
struct Remembered {
    known_since: Option<i64>,
    revision: Option<i64>,
}

/// Reads the flag.
pub(super) fn asked(values: &Values) -> Outcome<Option<Since>> {
    if !values.is_set(&SINCE) {
        return Ok(None);
    }
    if values.is_set(&REV) {
        return Err(not_both("rev", "since"));
    }
    let text = values.text(&SINCE);
    parse(&text).map(Some).ok_or_else(|| {
        Failure::bad_args(format!(
            "bad time {text:?} for --since: give a duration such as 10m, a time such as 2026-01-31T15:04:05Z, a revision, \
             or {COMPACTED}"
        ))
    })
}

fn parse(text: &str) -> Option<Since> {
    if text == COMPACTED {
        return Some(Since::Compacted);
    }
    if let Ok(revision) = text.parse() {
        return Some(Since::Revision(revision)).filter(|_| revision > 0);
    }
    match duration::parse(text) {
        Ok(ago) => Some(Since::Ago(ago)),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).ok().map(Since::At),
    }
}

/// The revision to begin with: the first one that is left of those asked for.
pub(super) async fn start(session: &Session, client: &Client, key: &[u8], since: Since) -> Outcome<i64> {
    let from = match since {
        Since::Compacted => 1,
        Since::Revision(revision) => revision,
        Since::Ago(ago) => after(session, &format!("ago={}", ago.as_millis())).await?,
        Since::At(time) => {
            after(session, &format!("at={}", (time.unix_timestamp_nanos() / 1_000_000).max(0))).await?
        }
    };
    let left = oldest_left(client, key, from).await?;
    if left > from && since != Since::Compacted {
        tell(format_args!(
            "the changes before revision {left} have been compacted; these are the ones after"
        ));
    }
    Ok(left)
}

/// The first revision after a time.
async fn after(session: &Session, time: &str) -> Outcome<i64> {
    let mut why = String::new();
    for endpoint in session.endpoints() {
        let answer = match http::get(session, &endpoint, &format!("{PATH}?{time}")).await {
            Ok(answer) => answer,
            Err(error) => {
                why = format!("{endpoint}: {error}");
                continue;
            }
        };
        return match serde_json::from_str::<Remembered>(&answer.body) {
            Ok(Remembered { revision: Some(revision), .. }) => Ok(revision + 1),
            Ok(Remembered { known_since, .. }) => Err(Failure::error(format!(
                "{endpoint} knows the times of revisions since {} only: name a later time, a revision, or {COMPACTED}",
                known_since.and_then(shown).unwrap_or_else(|| "its start".to_owned())
            ))),
            Err(_) => Err(Failure::error(format!(
                "{endpoint} does not know the times of revisions, as etcd does not: name a revision, or {COMPACTED}"
            ))),
        };
    }
    Err(Failure::error(format!("no endpoint tells the times of revisions ({why})")))
}

fn shown(unix_ms: i64) -> Option<String> {
    let seconds = OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000)).ok()?;
    seconds.format(&Rfc3339).ok()
}

/// `from`, or the oldest revision that compaction has left when that is later: a watch that begins too early is told which
/// it is.
async fn oldest_left(client: &Client, key: &[u8], from: i64) -> Outcome<i64> {
    let options = GetOptions::new().with_revision(from).with_keys_only();
    match client.get(key, Some(options)).await {
        Err(error) if error.etcd() == Some(EtcdError::Compacted) => {}
        // Whatever else is wrong, the watch tells.
        _ => return Ok(from),
    }
    let options = WatchOptions::new().with_start_revision(from);
    let mut probe = client.watch(key, Some(options)).await.map_err(failed)?;
    while let Some(answer) = probe.message().await.map_err(failed)? {
        if answer.compact_revision() > 0 {
            return Ok(answer.compact_revision());
        }
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn times_are_durations_moments_or_revisions() {
        assert_eq!(parse("10m"), Some(Since::Ago(Duration::from_secs(600))));
        assert_eq!(parse("1h30m"), Some(Since::Ago(Duration::from_secs(5400))));
        assert_eq!(parse("1234"), Some(Since::Revision(1234)));
        assert_eq!(parse("compacted"), Some(Since::Compacted));
        let at = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
        assert_eq!(parse("2001-09-09T01:46:40Z"), Some(Since::At(at)));
        assert_eq!(parse("2001-09-09T03:46:40+02:00"), Some(Since::At(at)));
        assert_eq!(shown(1_000_000_000_999), Some("2001-09-09T01:46:40Z".to_owned()));
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for bad in ["", "0", "-5", "yesterday", "2001-09-09", "10x"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
