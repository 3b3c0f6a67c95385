//! Clients that put random keys, as fast as they are allowed to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcdkit::Client;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::report::Report;
use crate::console::progress::Progress;
use crate::ctl::session::describe;

/// What to put.
#[derive(Clone, Debug)]
pub(super) struct Puts {
    pub(super) prefix: String,
    /// Bytes of a key behind the prefix.
    pub(super) key_bytes: usize,
    pub(super) value_bytes: usize,
}

impl Puts {
    /// Ten random bytes tell the keys apart; the rest is filled up with zeros, as etcdctl fills it.
    fn key(&self) -> Vec<u8> {
        let random: u64 = rand::random();
        let mut key = self.prefix.clone().into_bytes();
        let start = key.len();
        key.extend_from_slice(&random.to_be_bytes());
        key.resize(start + self.key_bytes, 0);
        key
    }
}

/// Sends one put for each tick of the clock, to whichever client is free.
pub(super) struct Workers {
    due: mpsc::Sender<()>,
    tasks: JoinSet<Report>,
    started: Instant,
}

impl Workers {
    /// Starts one worker for each client.
    pub(super) fn start(clients: &[Client], puts: &Puts, progress: Option<Arc<Progress>>) -> Self {
        let (due, receiver) = mpsc::channel(clients.len().max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let mut tasks = JoinSet::new();
        for client in clients {
            let (client, puts, receiver) = (client.clone(), puts.clone(), Arc::clone(&receiver));
            tasks.spawn(work(client, puts, receiver, progress.clone()));
        }
        Workers { due, tasks, started: Instant::now() }
    }

    /// Makes one more put due; waits while as many are waiting as there are clients.
    pub(super) async fn put(&self) {
        // The workers end only when this sender does.
        let _ = self.due.send(()).await;
    }

    /// Waits for the puts under way.
    pub(super) async fn finish(self) -> Report {
        let Workers { due, mut tasks, started } = self;
        drop(due);
        let mut whole = Report::default();
        while let Some(ended) = tasks.join_next().await {
            whole.add(ended.unwrap_or_default());
        }
        whole.lasted = started.elapsed();
        whole
    }
}

async fn work(
    client: Client,
    puts: Puts,
    due: Arc<Mutex<mpsc::Receiver<()>>>,
    progress: Option<Arc<Progress>>,
) -> Report {
    let mut report = Report::default();
    while due.lock().await.recv().await.is_some() {
        let started = Instant::now();
        match client.put(puts.key(), vec![0; puts.value_bytes], None).await {
            Ok(_) => report.succeeded(started.elapsed()),
            Err(error) => report.failed(describe(&error)),
        }
        if let Some(progress) = &progress {
            progress.step();
        }
    }
    report
}

/// The time between two puts at a rate.
pub(super) fn interval_of(puts_per_second: u32) -> Duration {
    Duration::from_secs(1) / puts_per_second
}
