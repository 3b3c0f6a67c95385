//! Connections that break at every byte: no write is executed twice, and what a client says of one that failed is true.
//!
//! Between our client and the members stand proxies that cut each connection after so many bytes of one direction, one
//! more each time. Each write puts a key of its own, so a write that was executed twice shows as a second version. One that
//! the client calls not executed must not be there; one whose outcome it does not know may be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::members::{Make, Members, Setup};
use crate::server::Programs;

/// Connections are cut after 1 to so many bytes: the greeting of HTTP/2, and some requests.
const BYTES_MAX: u64 = 1500;
/// Clients, each with connections of its own.
const CLIENTS: u64 = 8;
const MEMBERS: usize = 3;
/// Time limit of a call: what is lost here is lost at once.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Keys read at a time.
const PAGE: i64 = 10_000;

/// Options of the cuts.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Writes.
    #[arg(long, default_value_t = 10_000)]
    writes: u64,
}

/// What a client says of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Done,
    Not,
    Unknown,
}

/// Cuts; whether all was as the clients said.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let setup = Setup { make: Make::Ours, count: MEMBERS, flags: Vec::new(), proxied: false };
    let members = Members::found(&programs, setup).await?;
    let (begun, cuts) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut endpoints = Vec::new();
    for number in 0..MEMBERS {
        endpoints.push(format!("http://{}", front(members.address(number), cuts.clone()).await?));
    }
    let share = options.writes.div_ceil(CLIENTS);
    let writers: Vec<_> =
        (0..CLIENTS).map(|client| tokio::spawn(write(endpoints.clone(), client, share))).collect();
    let mut said = Vec::new();
    for writer in writers {
        said.push(writer.await??);
    }
    let held = look(&members, &said).await?;
    let count = |what: Said| said.iter().flatten().filter(|said| **said == what).count();
    let (done, not, unknown) = (count(Said::Done), count(Said::Not), count(Said::Unknown));
    let cuts = cuts.load(Ordering::Relaxed);
    if cuts < BYTES_MAX || unknown == 0 {
        bail!("VOID: {cuts} cuts and {unknown} writes of unknown outcome show nothing");
    }
    println!(
        "{} writes over {cuts} connections that were cut: {done} acknowledged and there, {not} refused and not there, \
         {unknown} unknown of which {} are there, none twice ({:.0?})",
        done + not + unknown,
        held - done,
        begun.elapsed()
    );
    Ok(true)
}

/// Puts a cutting proxy in front of a member; its address.
async fn front(member: SocketAddr, cuts: Arc<AtomicU64>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((inbound, _)) = listener.accept().await {
            let number = cuts.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(cut(inbound, member, number));
        }
    });
    Ok(address)
}

/// Passes bytes on, so many of one direction and any number of the other. Every other connection is cut in the requests,
/// those between in the answers.
async fn cut(inbound: TcpStream, member: SocketAddr, number: u64) {
    let Ok(outbound) = TcpStream::connect(member).await else { return };
    let _ = (inbound.set_nodelay(true), outbound.set_nodelay(true));
    let ((read, write), (member_read, member_write)) = (inbound.into_split(), outbound.into_split());
    let bytes = 1 + (number / 2) % BYTES_MAX;
    let (requests, answers) = if number.is_multiple_of(2) { (bytes, u64::MAX) } else { (u64::MAX, bytes) };
    tokio::select! {
        () = pass(read.take(requests), member_write) => {}
        () = pass(member_read.take(answers), write) => {}
    }
}

async fn pass(mut from: impl tokio::io::AsyncRead + Unpin, mut to: tokio::net::tcp::OwnedWriteHalf) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

fn key(client: u64, number: usize) -> String {
    format!("cut/{client}/{number:08}")
}

async fn write(endpoints: Vec<String>, number: u64, writes: u64) -> Result<Vec<Said>> {
    let options = etcdkit::ConnectOptions::new().with_timeout(TIMEOUT);
    let client = etcdkit::Client::connect(&endpoints, Some(options)).await?;
    let mut said = Vec::new();
    for write in 0..usize::try_from(writes)? {
        said.push(match client.put(key(number, write), "1", None).await {
            Ok(_) => Said::Done,
            Err(error) if error.outcome_unknown() => Said::Unknown,
            Err(_) => Said::Not,
        });
    }
    Ok(said)
}

/// Holds what is there against what was said; how many writes are there.
async fn look(members: &Members, said: &[Vec<Said>]) -> Result<usize> {
    let client = etcdkit::Client::connect(members.endpoints(), None).await?;
    let (mut from, mut there) = ("cut/".to_owned(), std::collections::HashSet::new());
    loop {
        let options = etcdkit::GetOptions::new().with_range("cut0").with_limit(PAGE);
        let page = client.get(from.as_str(), Some(options)).await?;
        for pair in page.kvs() {
            let key = pair.key_str().context("a key")?.to_owned();
            if pair.version() != 1 {
                bail!("TWICE: {key} was written {} times", pair.version());
            }
            from = format!("{key}\0");
            there.insert(key);
        }
        if !page.more() {
            break;
        }
    }
    for (client, said) in said.iter().enumerate() {
        for (number, said) in said.iter().enumerate() {
            let key = key(client as u64, number);
            match (said, there.contains(&key)) {
                (Said::Done, false) => bail!("LOST: {key} was acknowledged"),
                (Said::Not, true) => bail!("{key} is there, and was called not executed"),
                _ => {}
            }
        }
    }
    Ok(there.len())
}
