//! One that was announced, and that nobody has called yet.
//!
//! A member learns from the log that it was removed, or from those it calls. One that joins has no log and calls nobody: it
//! waits for the leader, and would wait for ever once it is removed. So it asks those it joins whether it still belongs to
//! them.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::bootstrap;
use crate::config::Config;
use crate::raft::RaftNode;
use crate::tls::Outgoing;
use crate::transport::wire::{ProbeRequest, ProbeResponse};
use crate::transport::{Call, Peers};

/// Between two times that the others are asked, and the time each has to answer.
const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// A member that joins.
pub(crate) struct Invited {
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<Outgoing>>,
    pub(crate) member_id: u64,
    pub(crate) raft: RaftNode,
    pub(crate) peers: Arc<Peers>,
}

impl Invited {
    /// Asks until the leader has called or `stopping`. The connections note that this member was removed, as whoever is
    /// called says so.
    pub(crate) async fn run(self, stopping: CancellationToken) {
        let mut members = self.raft.members();
        tokio::select! {
            () = stopping.cancelled() => {}
            _ = members.wait_for(|members| !members.nodes.is_empty()) => {}
            () = self.ask_again_and_again() => {}
        }
    }

    async fn ask_again_and_again(&self) {
        // They were read before, when this member got its id.
        while let Ok(members) = self.config.initial_members() {
            tokio::time::sleep(PAUSE).await;
            let mut answers =
                std::pin::pin!(bootstrap::answers(&self.config, &members, self.tls.as_ref(), PATIENCE));
            while let Some(answer) = answers.next().await {
                let Ok(known) = answer else { continue };
                for other in known.members.iter().filter(|other| other.id != self.member_id) {
                    self.peers.place(other.id, &other.peer_urls);
                    let asked = self.peers.ask(other.id, Call::Probe, ProbeRequest {}, PATIENCE);
                    // Only a refusal says anything.
                    let _: Result<ProbeResponse, _> = asked.await;
                }
                break;
            }
        }
    }
}
