//! The parts of a server that do not know of clients, and how they are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::alarm::Alarms;
use crate::apply::{Applier, Parts, Replicated};
use crate::auth::AuthStore;
use crate::backend::{Backend, BackendOptions, EngineKind};
use crate::bootstrap;
use crate::clock::Clock;
use crate::cluster::ClusterState;
use crate::config::{Config, ConfigError, MetricsLevel, RECEIVE_OVERHEAD_BYTES, Storage};
use crate::contact::Contact;
use crate::data_dir::{DataDir, Identity};
use crate::forward::Forwarder;
use crate::io::{Io, disk::DiskIo, memory::MemoryIo};
use crate::lease::Lessor;
use crate::metrics::{HandlingTime, Metrics};
use crate::mvcc::Store;
use crate::mvcc::watch::{Hub, HubOptions};
use crate::raft::{RaftNode, RaftOptions};
use crate::timeline::Timeline;
use crate::tls::Outgoing;
use crate::transport::Peers;

/// The parts of a server that do not know of clients.
pub(super) struct MemberParts {
    pub(super) identity: Identity,
    pub(super) clock: Clock,
    pub(super) backend: Backend,
    pub(super) store: Store,
    pub(super) lessor: Arc<Lessor>,
    pub(super) auth: Arc<AuthStore>,
    pub(super) alarms: Arc<Alarms>,
    pub(super) cluster: Arc<ClusterState>,
    pub(super) hub: Hub,
    pub(super) raft: RaftNode,
    pub(super) peers: Arc<Peers>,
    pub(super) forwarder: Forwarder,
    pub(super) contact: Arc<Contact>,
    pub(super) data_dir: DataDir,
    pub(super) timeline: Arc<Timeline>,
}

pub(super) async fn open_member(
    config: &Config,
    io: Option<Arc<dyn Io>>,
    tls: Option<Arc<Outgoing>>,
) -> Result<MemberParts, StartError> {
    let (founding, asking) = (config.clone(), tls.clone());
    let runtime = tokio::runtime::Handle::current();
    let found = move || runtime.block_on(bootstrap::identity(&founding, asking.as_ref()));
    let metrics = Arc::new(Metrics::new(match config.metrics {
        MetricsLevel::Basic => HandlingTime::NotMeasured,
        MetricsLevel::Extensive => HandlingTime::Measured,
    }));
    let storage = config.storage();
    let io: Arc<dyn Io> = match (io, &storage) {
        (Some(io), _) => io,
        (None, Storage::Directory(_)) => Arc::new(DiskIo),
        (None, Storage::Memory) => Arc::new(MemoryIo::default()),
    };
    let (engine, dir) = match storage {
        Storage::Directory(dir) => (config.engine, dir),
        Storage::Memory => (EngineKind::Memory, PathBuf::from("/memory")),
    };
    let disk = Arc::clone(&io);
    let token_ttl = config.auth_token_ttl;
    let options = BackendOptions { metrics: Arc::clone(&metrics), ..BackendOptions::default() };
    let opened =
        tokio::task::spawn_blocking(move || open_state(&disk, &dir, engine, options, token_ttl, found)).await;
    let (data_dir, backend, state) = opened.map_err(|_stopped| StartError::Stopped)??;
    let Replicated { store, lessor, auth, alarms, cluster } = state;
    let watch_options = HubOptions {
        fragment_bytes: config.max_request_bytes + RECEIVE_OVERHEAD_BYTES,
        ..HubOptions::default()
    };
    let hub = Hub::new(store.clone(), watch_options);
    let applier = Applier::new(Parts {
        backend: backend.clone(),
        store: store.clone(),
        lessor: Arc::clone(&lessor),
        auth: Arc::clone(&auth),
        alarms: Arc::clone(&alarms),
        cluster: Arc::clone(&cluster),
        hub: hub.clone(),
        slow: config.warning_apply_duration,
    });
    let Identity { member_id, cluster_id } = data_dir.identity;
    let peers = Arc::new(Peers::new(cluster_id, member_id, tls));
    let options = RaftOptions {
        founders: bootstrap::founders(config, member_id)?,
        stand_alone: stand_alone(config)?,
        peers: Arc::clone(&peers),
        heartbeat_interval: config.heartbeat_interval,
        election_timeout: config.election_timeout,
        snapshot_count: config.snapshot_count,
        metrics,
        ..RaftOptions::new(member_id, io, data_dir.log())
    };
    let raft = RaftNode::start(options, Box::new(applier)).await?;
    let forwarder = Forwarder::new(raft.clone(), Arc::clone(&peers), config.request_timeout());
    let contact = Arc::new(Contact::new(member_id, raft.clone(), Arc::clone(&peers)));
    Ok(MemberParts {
        identity: data_dir.identity,
        clock: Clock::start(),
        backend,
        store,
        lessor,
        auth,
        alarms,
        cluster,
        hub,
        raft,
        peers,
        forwarder,
        contact,
        data_dir,
        timeline: Arc::default(),
    })
}

/// The addresses with which a member goes on alone, where it is to.
fn stand_alone(config: &Config) -> Result<Option<Vec<String>>, ConfigError> {
    if !config.force_new_cluster {
        return Ok(None);
    }
    Ok(Some(config.initial_advertise_peer_urls.iter().map(ToString::to_string).collect()))
}

/// Reads what the directory holds. Blocks.
fn open_state(
    io: &Arc<dyn Io>,
    dir: &Path,
    engine: EngineKind,
    options: BackendOptions,
    token_ttl: Duration,
    found: impl FnOnce() -> Result<Identity, ConfigError>,
) -> Result<(DataDir, Backend, Replicated), StartError> {
    let data_dir = DataDir::open(io, dir, found)?;
    let backend = Backend::open(Arc::clone(io), &data_dir.backend(), engine, options)?;
    let state = Replicated::open(&backend, token_ttl)?;
    Ok((data_dir, backend, state))
}
