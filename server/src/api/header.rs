//! Headers of responses: who answers, and from which state.

use etcdkit_proto::etcdserverpb::ResponseHeader;
use tokio::sync::watch;

use crate::mvcc::Store;
use crate::raft::{Leadership, RaftNode};

/// Fills in headers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Headers {
    cluster_id: u64,
    member_id: u64,
    leadership: watch::Receiver<Leadership>,
    store: Store,
}

impl Headers {
    pub(crate) fn new(cluster_id: u64, member_id: u64, raft: &RaftNode, store: Store) -> Self {
        Headers { cluster_id, member_id, leadership: raft.changes(), store }
    }

    /// A header with a given revision.
    pub(crate) fn at(&self, revision: i64) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.cluster_id,
            member_id: self.member_id,
            revision,
            raft_term: self.leadership.borrow().term,
        }
    }

    /// A header with the newest revision.
    pub(crate) fn now(&self) -> ResponseHeader {
        self.at(self.store.revision())
    }

    /// Completes a header that carries at most a revision.
    pub(crate) fn fill(&self, header: &mut Option<ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |header| header.revision);
        *header = Some(if revision == 0 { self.now() } else { self.at(revision) });
    }
}
