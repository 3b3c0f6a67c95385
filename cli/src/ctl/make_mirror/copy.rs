//! The copying itself: first the keys there are, as of one revision, then the changes after it.

use std::time::Duration;

use etcdkit::{
    Client, Event, EventType, GetOptions, PutOptions, SortOrder, SortTarget, Txn, TxnOp, WatchOptions,
};
use etcdkit_proto::EtcdError;
use tokio::time::{Instant, interval_at};

use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::print;
use crate::console::progress::Progress;
use crate::ctl::session::failed;

/// Keys read with one request: enough that the way to the server is not what takes the time.
const PAGE_KEYS: i64 = 1000;

/// Bytes of keys and values in one request; a server refuses requests of more than 1.5 MiB.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// How often the number of copied keys is printed.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// Which keys are copied, and under which names.
pub(super) struct Mapping {
    pub(super) prefix: Vec<u8>,
    pub(super) at_destination: Vec<u8>,
}

impl Mapping {
    fn target(&self, key: &[u8]) -> Vec<u8> {
        let rest = key.strip_prefix(self.prefix.as_slice()).unwrap_or(key);
        [self.at_destination.as_slice(), rest].concat()
    }
}

/// A mirror at work.
pub(super) struct Mirror {
    from: Client,
    to: Client,
    mapping: Mapping,
    ops_max: usize,
    copied: u64,
    progress: Progress,
    /// The last revision that the destination has all of.
    done_up_to: Option<i64>,
}

impl Mirror {
    pub(super) fn new(from: Client, to: Client, mapping: Mapping, ops_max: usize) -> Self {
        Mirror {
            from,
            to,
            mapping,
            ops_max,
            copied: 0,
            progress: Progress::tally("mirrored"),
            done_up_to: None,
        }
    }

    pub(super) fn done_up_to(&self) -> Option<i64> {
        self.done_up_to
    }

    /// Copies until an error ends it; from a revision above 1 only the changes.
    pub(super) async fn run(&mut self, from_revision: i64) -> Outcome {
        let mut report = interval_at(Instant::now() + REPORT_INTERVAL, REPORT_INTERVAL);
        let first = if from_revision > 1 { from_revision } else { self.copy_keys().await? + 1 };
        let options = WatchOptions::new().with_prefix().with_start_revision(first);
        let mut changes =
            self.from.watch(self.mapping.prefix.clone(), Some(options)).await.map_err(failed)?;
        loop {
            let message = tokio::select! {
                message = changes.message() => message.map_err(failed)?,
                _ = report.tick() => {
                    self.progress.above(|| print(&format!("{}\n", self.copied)))?;
                    continue;
                }
            };
            let Some(answer) = message else { break };
            if answer.compact_revision() != 0 {
                return Err(Failure::error(EtcdError::Compacted.message()));
            }
            if answer.canceled() {
                break;
            }
            self.copy_changes(answer.events()).await?;
        }
        Err(Failure::new(Exit::Interrupted, "watch is canceled by the server"))
    }

    /// Copies the keys as of now; the revision that "now" is.
    async fn copy_keys(&mut self) -> Outcome<i64> {
        let prefix = self.mapping.prefix.clone();
        let end = etcdkit_proto::key_range::prefix_end(&prefix);
        let mut next = if prefix.is_empty() { vec![0] } else { prefix };
        let (mut revision, mut total) = (0, 0);
        let copying = Progress::count("copying keys");
        loop {
            let options = GetOptions::new()
                .with_range(end.clone())
                .with_limit(PAGE_KEYS)
                .with_revision(revision)
                .with_sort(SortTarget::Key, SortOrder::Ascend);
            let page = self.from.get(next.clone(), Some(options)).await.map_err(failed)?;
            if revision == 0 {
                revision = page.header().map_or(0, |header| header.revision());
                total = u64::try_from(page.count()).unwrap_or_default();
            }
            let puts = page
                .kvs()
                .iter()
                .map(|pair| (self.put(pair.key(), pair.value()), pair.key().len() + pair.value().len()));
            let puts: Vec<_> = puts.collect();
            self.write(puts).await?;
            copying.set(self.copied, total);
            match page.kvs().last().filter(|_| page.more()) {
                Some(last) => next = [last.key(), b"\0"].concat(),
                None => break,
            }
        }
        copying.finish();
        self.progress.add(self.copied);
        self.done_up_to = Some(revision);
        Ok(revision)
    }

    /// Writes what belongs to one revision with one request, as far as it fits.
    async fn copy_changes(&mut self, events: &[Event]) -> Outcome {
        for run in events.chunk_by(|one, next| revision(one) == revision(next)) {
            let ops = run.iter().filter_map(|event| {
                let pair = event.kv()?;
                let op = match event.event_type() {
                    EventType::Put => self.put(pair.key(), pair.value()),
                    EventType::Delete => TxnOp::delete(self.mapping.target(pair.key()), None),
                };
                Some((op, pair.key().len() + pair.value().len()))
            });
            let ops: Vec<_> = ops.collect();
            let changes = ops.len() as u64;
            self.write(ops).await?;
            self.progress.add(changes);
            self.done_up_to = run.first().and_then(revision).or(self.done_up_to);
        }
        Ok(())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> TxnOp {
        TxnOp::put(self.mapping.target(key), value, None::<PutOptions>)
    }

    /// Writes operations of one revision, each with its size, with as few requests as the bounds allow.
    async fn write(&mut self, ops: Vec<(TxnOp, usize)>) -> Outcome {
        let (mut request, mut bytes) = (Vec::new(), 0);
        for (op, size) in ops {
            if request.len() == self.ops_max || (bytes + size > REQUEST_BYTES_MAX && !request.is_empty()) {
                self.commit(std::mem::take(&mut request)).await?;
                bytes = 0;
            }
            request.push(op);
            bytes += size;
        }
        if request.is_empty() { Ok(()) } else { self.commit(request).await }
    }

    async fn commit(&mut self, request: Vec<TxnOp>) -> Outcome {
        let count = request.len() as u64;
        self.to.txn(Txn::new().and_then(request)).await.map_err(failed)?;
        self.copied += count;
        Ok(())
    }
}

fn revision(event: &Event) -> Option<i64> {
    event.kv().map(|pair| pair.mod_revision())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_the_prefixes_say() {
        let target = |prefix: &[u8], at_destination: &[u8], key: &[u8]| {
            Mapping { prefix: prefix.to_vec(), at_destination: at_destination.to_vec() }.target(key)
        };
        assert_eq!(target(b"", b"", b"a"), b"a");
        assert_eq!(target(b"", b"/copy/", b"a"), b"/copy/a");
        assert_eq!(target(b"/a/", b"/b/", b"/a/x/a/"), b"/b/x/a/");
        assert_eq!(target(b"/a/", b"", b"/a/x"), b"x");
    }
}
