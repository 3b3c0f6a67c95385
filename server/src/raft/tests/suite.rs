//! openraft's own tests of a log and a state machine, on ours.

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};

use super::*;
use crate::raft::TypeConfig;
use crate::raft::log_store::LogStore;
use crate::raft::state_machine::Applying;
use crate::wal::{Wal, WalOptions};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, Applying, ()> for Builder {
    async fn build(&self) -> Result<((), LogStore, Applying), StorageError<TypeConfig>> {
        let io = Arc::new(SimulatedIo::new());
        let wal = Wal::open(WalOptions::new(io, "/data/member/wal")).unwrap();
        let applying = Applying::new(Box::new(Recorder::default())).unwrap();
        Ok(((), LogStore::new(Arc::new(wal)), applying))
    }
}

#[tokio::test]
async fn the_storage_suite_of_openraft_passes() {
    Suite::test_all(Builder).await.unwrap();
}
