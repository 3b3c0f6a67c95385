//! What the endpoints tell at a moment, and what they told the time before.

use std::time::{Duration, Instant};

use etcdkit::Client;
use etcdkit_proto::etcdserverpb::StatusResponse;
use futures::future::{join, join_all};

use super::metrics::Metrics;
use crate::console::failure::Outcome;
use crate::ctl::endpoint;
use crate::ctl::http;
use crate::ctl::session::{Session, describe};
use crate::ctl::wire;

/// The least time for an answer: a busy server must not look like a dead one.
const ANSWER_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Everybody who is asked.
pub(super) struct Sources {
    pub(super) sources: Vec<Source>,
    /// Leases of the cluster, where they may be counted.
    pub(super) leases: Option<usize>,
}

/// An endpoint.
pub(super) struct Source {
    pub(super) endpoint: String,
    client: Client,
    pub(super) now: Option<Reading>,
    pub(super) before: Option<Reading>,
    /// Why it does not answer; empty while it does.
    pub(super) error: String,
}

/// What an endpoint told.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) at: Instant,
    pub(super) status: StatusResponse,
    pub(super) metrics: Metrics,
}

impl Sources {
    /// Prepares to ask every endpoint; one that is away now may come back.
    pub(super) async fn connect(session: &Session, interval: Duration) -> Outcome<Self> {
        let timeout = interval.max(ANSWER_TIMEOUT_MIN);
        let mut sources = Vec::new();
        for endpoint in endpoint::endpoints(session).await? {
            let client = session.client_at(&endpoint).await?.with_timeout(timeout);
            sources.push(Source { endpoint, client, now: None, before: None, error: String::new() });
        }
        Ok(Sources { sources, leases: None })
    }

    /// Asks everybody at once.
    pub(super) async fn read(&mut self, session: &Session) {
        join_all(self.sources.iter_mut().map(|source| source.read(session))).await;
        let answers = self.sources.iter().find(|source| source.error.is_empty());
        self.leases = match answers {
            // Whoever may not list them sees the rest all the same.
            Some(source) => source.client.leases().await.ok().map(|answer| answer.leases().len()),
            None => None,
        };
    }

    pub(super) fn anybody_answered(&self) -> bool {
        self.sources.iter().any(|source| source.now.is_some())
    }
}

impl Source {
    async fn read(&mut self, session: &Session) {
        self.before = self.now.take();
        let answers = join(self.client.status(), http::get(session, &self.endpoint, "/metrics")).await;
        match answers {
            (Ok(status), metrics) => {
                // A server may keep its metrics elsewhere; what it tells of itself is worth a line.
                let metrics = metrics.map(|answer| Metrics::parse(&answer.body)).unwrap_or_default();
                self.error.clear();
                self.now = Some(Reading { at: Instant::now(), status: wire::status(&status), metrics });
            }
            (Err(error), _) => self.error = describe(&error),
        }
    }

    /// How much a count grew in a second. A server that was started anew counts from zero again.
    pub(super) fn rate(&self, count: impl Fn(&Metrics) -> Option<f64>) -> Option<f64> {
        let (now, before) = (self.now.as_ref()?, self.before.as_ref()?);
        let grown = (count(&now.metrics)? - count(&before.metrics).unwrap_or_default()).max(0.0);
        Some(grown / now.at.duration_since(before.at).as_secs_f64().max(f64::EPSILON))
    }
}
