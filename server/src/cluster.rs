//! What the cluster knows about itself besides its keys: addresses that were changed, and a downgrade under way.

use std::ops::{Bound, ControlFlow};

use etcdkit_proto::EtcdError;
use parking_lot::RwLock;
use prost::Message;

use crate::backend::{Backend, BackendError, BackendWriter, Table};
use crate::command::{ClusterCommand, ClusterOperation, PeerUrls};

/// Where the version of a downgrade is kept.
const DOWNGRADE: &[u8] = b"downgrade_target";

/// One thread, that of the state machine, changes it; any may ask.
#[derive(Debug, Default)]
pub struct ClusterState {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By member; only where they were changed.
    peer_urls: std::collections::BTreeMap<u64, Vec<String>>,
    downgrade_target: Option<String>,
}

impl ClusterState {
    /// Reads what the backend holds. A record that does not read back is left out: the settings then count, as for a
    /// member whose addresses were never changed.
    ///
    /// # Errors
    /// What the backend says.
    pub fn open(backend: &Backend) -> Result<Self, BackendError> {
        let mut state = State::default();
        backend.visit(Table::Member, Bound::Unbounded, Bound::Unbounded, |key, value| {
            if let (Ok(id), Ok(urls)) = (key.try_into(), PeerUrls::decode(value)) {
                state.peer_urls.insert(u64::from_be_bytes(id), urls.urls);
            }
            ControlFlow::Continue(())
        })?;
        let target = backend.get(Table::Meta, DOWNGRADE)?;
        state.downgrade_target = target.and_then(|target| String::from_utf8(target.to_vec()).ok());
        Ok(ClusterState { state: RwLock::new(state) })
    }

    /// The peer URLs of a member, where they were changed.
    pub fn peer_urls(&self, member: u64) -> Option<Vec<String>> {
        self.state.read().peer_urls.get(&member).cloned()
    }

    /// The version that the cluster is being downgraded to.
    pub fn downgrade_target(&self) -> Option<String> {
        self.state.read().downgrade_target.clone()
    }

    /// Applies a command, in the run that is being written.
    ///
    /// # Errors
    /// Those of the API.
    pub fn apply(&self, run: &mut BackendWriter<'_>, command: &ClusterCommand) -> Result<(), EtcdError> {
        let mut state = self.state.write();
        match &command.operation {
            None => {}
            Some(ClusterOperation::PeerUrls(urls)) => {
                run.put(Table::Member, urls.member_id.to_be_bytes().to_vec(), urls.encode_to_vec());
                state.peer_urls.insert(urls.member_id, urls.urls.clone());
            }
            Some(ClusterOperation::Downgrade(target)) => {
                if state.downgrade_target.is_some() {
                    return Err(EtcdError::DowngradeInProcess);
                }
                run.put(Table::Meta, DOWNGRADE, target.version.clone());
                state.downgrade_target = Some(target.version.clone());
            }
            Some(ClusterOperation::CancelDowngrade(_)) => {
                if state.downgrade_target.take().is_none() {
                    return Err(EtcdError::NoInflightDowngrade);
                }
                run.delete(Table::Meta, DOWNGRADE);
            }
        }
        Ok(())
    }
}
