//! What was asked and answered in a run, with the times of both: what the checkers judge.

use bytes::Bytes;
use etcdkit_proto::mvccpb::{Event, KeyValue, event::EventType};

/// Nanoseconds since the run began, on the runner's clock.
pub(crate) type Nanos = u64;

/// A pair as a server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
    pub(crate) create: i64,
    pub(crate) modified: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
}

impl From<KeyValue> for Pair {
    fn from(kv: KeyValue) -> Self {
        let KeyValue { key, create_revision, mod_revision, version, value, lease } = kv;
        Pair { key, value, create: create_revision, modified: mod_revision, version, lease }
    }
}

/// Keys from one up to another; one key when there is no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) key: Bytes,
    pub(crate) end: Bytes,
}

impl Keys {
    pub(crate) fn one(key: impl Into<Bytes>) -> Self {
        Keys { key: key.into(), end: Bytes::new() }
    }

    /// All keys that begin so.
    pub(crate) fn below(prefix: &str) -> Self {
        let mut end = prefix.as_bytes().to_vec();
        // Prefixes here are ASCII, whose last byte can be counted up.
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Keys { key: Bytes::copy_from_slice(prefix.as_bytes()), end: end.into() }
    }

    pub(crate) fn all() -> Self {
        Keys { key: Bytes::from_static(b"\0"), end: Bytes::from_static(b"\0") }
    }

    pub(crate) fn contain(&self, key: &[u8]) -> bool {
        match self.end.as_ref() {
            b"" => key == self.key,
            b"\0" => key >= self.key.as_ref(),
            end => key >= self.key.as_ref() && key < end,
        }
    }
}

/// One change inside a write, or a read there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Put { key: Bytes, value: Bytes, lease: i64 },
    Delete(Keys),
    Get(Keys),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A put, a delete or a transaction. `when` is the mod revision that a key must have.
    Write {
        when: Option<(Bytes, i64)>,
        then: Vec<Op>,
        otherwise: Vec<Op>,
    },
    /// `revision` 0 is the newest, `limit` 0 is none.
    Read {
        keys: Keys,
        revision: i64,
        limit: i64,
        serializable: bool,
    },
    Grant {
        ttl: i64,
    },
    Revoke {
        lease: i64,
    },
    KeepAlive {
        lease: i64,
    },
    Compact {
        revision: i64,
    },
}

/// The answer to one [`Op`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Put,
    Deleted(i64),
    Got { count: i64, pairs: Vec<Pair> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Write {
        revision: i64,
        succeeded: bool,
        done: Vec<Done>,
    },
    Read {
        revision: i64,
        count: i64,
        more: bool,
        pairs: Vec<Pair>,
    },
    Granted {
        lease: i64,
    },
    Revoked {
        revision: i64,
    },
    /// With its full time in seconds again; 0 when there is no such lease.
    Kept {
        ttl: i64,
    },
    Compacted,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok(Answer),
    /// It was not executed, says whoever knows.
    Refused(String),
    /// It may have been executed.
    Unknown(String),
}

/// One call of one client. A client makes one at a time.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) client: String,
    pub(crate) called: Nanos,
    pub(crate) returned: Nanos,
    pub(crate) request: Request,
    pub(crate) outcome: Outcome,
}

/// A change as a watch tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The pair as written; of a deletion, no more than its key and its revision.
    pub(crate) pair: Pair,
    pub(crate) deleted: bool,
}

impl Change {
    pub(crate) fn revision(&self) -> i64 {
        self.pair.modified
    }
}

/// An event: the change, and the pair before it, where it was asked for and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) change: Change,
    pub(crate) previous: Option<Pair>,
}

impl From<Event> for Told {
    fn from(event: Event) -> Self {
        let deleted = event.r#type() == EventType::Delete;
        let change = Change { pair: event.kv.unwrap_or_default().into(), deleted };
        Told { change, previous: event.prev_kv.map(Pair::from) }
    }
}

/// One response of a watch.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) arrived: Nanos,
    /// The revision in the header.
    pub(crate) revision: i64,
    pub(crate) events: Vec<Told>,
    /// It says that all events up to its revision have been told.
    pub(crate) progress: bool,
}

/// One watch: from its creation to its end. What a client resumes by itself is one watch.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) name: String,
    pub(crate) keys: Keys,
    /// The first revision it wants.
    pub(crate) from: i64,
    pub(crate) previous: bool,
    pub(crate) responses: Vec<Response>,
}

/// All of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) calls: Vec<Call>,
    pub(crate) watches: Vec<Watch>,
    /// What each member held at the end, read from that member alone, with its revision.
    pub(crate) ends: Vec<(i64, Vec<Pair>)>,
    /// Seconds that leases are granted for.
    pub(crate) ttl: i64,
}
