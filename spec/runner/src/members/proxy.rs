//! The network between members: a proxy in front of each, which knows who speaks to whom and treats the bytes of each
//! direction of each pair as it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::owner::owner;

/// Bytes passed on at a time. Small against an append of many entries, so that a cut falls inside of one.
const CHUNK_BYTES: usize = 16 << 10;

/// What happens to the bytes of one direction between two members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    #[default]
    Open,
    /// Nothing arrives until it is open again; then what was sent does, unless its connection has ended.
    Held,
    /// Everything arrives later by this and up to so much more, in order.
    Slow(Duration, Duration),
    /// Of so many chunks in a hundred only a part arrives, and the connection breaks there.
    Lossy(u32),
}

type Direction = watch::Sender<Link>;

/// The network. Clones of its `Arc` live in the proxies' tasks.
#[derive(Default)]
pub(crate) struct Net {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    pids: Vec<Option<u32>>,
    directions: HashMap<(usize, usize), Arc<Direction>>,
    proxies: Vec<tokio::task::AbortHandle>,
}

impl Drop for Net {
    fn drop(&mut self) {
        self.inner().proxies.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

impl Net {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a proxy in front of a member; the proxy's address.
    pub(super) async fn front(self: &Arc<Self>, number: usize, peer: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let net = Arc::downgrade(self);
        let proxy = tokio::spawn(async move {
            while let Ok((inbound, from)) = listener.accept().await {
                let Some(net) = net.upgrade() else { return };
                tokio::spawn(async move { net.join(inbound, from, number, peer).await });
            }
        });
        self.inner().proxies.push(proxy.abort_handle());
        Ok(address)
    }

    /// Says which process a member is.
    pub(super) fn runs_as(&self, number: usize, pid: Option<u32>) {
        let mut inner = self.inner();
        if inner.pids.len() <= number {
            inner.pids.resize(number + 1, None);
        }
        inner.pids[number] = pid;
    }

    fn direction(&self, from: usize, to: usize) -> Arc<Direction> {
        self.inner().directions.entry((from, to)).or_default().clone()
    }

    /// How bytes go from one member to another from now on.
    pub(crate) fn set(&self, from: usize, to: usize, link: Link) {
        self.direction(from, to).send_replace(link);
    }

    /// Both directions between a member and each of these.
    pub(crate) fn set_around(&self, number: usize, others: impl Iterator<Item = usize>, link: Link) {
        for other in others.filter(|other| *other != number) {
            self.set(number, other, link);
            self.set(other, number, link);
        }
    }

    /// Everything goes as it should.
    pub(crate) fn heal(&self) {
        for direction in self.inner().directions.values() {
            direction.send_replace(Link::Open);
        }
    }

    async fn join(self: Arc<Self>, inbound: TcpStream, from: SocketAddr, to: usize, peer: SocketAddr) {
        // Before anything that takes time: who is dead is called ten times a second, and each call that is let down slowly
        // leaves an entry behind for a minute, in the very table that is searched for the owner.
        let Ok(outbound) = TcpStream::connect(peer).await else {
            let _ = inbound.set_zero_linger();
            return;
        };
        let pids = self.inner().pids.clone();
        let found = tokio::task::spawn_blocking(move || owner(from, &pids)).await;
        // Nobody's connection any more: its member has just ended.
        let Ok(Some(from)) = found else { return };
        let (there, back) = (self.direction(from, to), self.direction(to, from));
        drop(self);
        if pass(there.subscribe()).await.is_none() {
            return;
        }
        let _ = (inbound.set_nodelay(true), outbound.set_nodelay(true));
        let ((read, write), (peer_read, peer_write)) = (inbound.into_split(), outbound.into_split());
        // Whichever ends first takes the other with it: both halves are dropped.
        tokio::select! {
            () = pump(read, peer_write, &there) => {}
            () = pump(peer_read, write, &back) => {}
        }
    }
}

/// Waits until something may pass; how it does. None when the network is gone.
async fn pass(mut changes: watch::Receiver<Link>) -> Option<Link> {
    changes.wait_for(|link| *link != Link::Held).await.ok().map(|link| *link)
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, direction: &Direction) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let Some(link) = pass(direction.subscribe()).await else { return };
        match link {
            Link::Open | Link::Held => {}
            Link::Slow(least, jitter) => {
                let more = rand::random_range(0.0..=1.0);
                tokio::time::sleep(least + jitter.mul_f64(more)).await;
            }
            Link::Lossy(percent) => {
                if rand::rng().random_range(0..100) < percent {
                    let part = rand::random_range(0..length);
                    let _ = to.write_all(&chunk[..part]).await;
                    return;
                }
            }
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
