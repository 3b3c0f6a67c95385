//! Puts with TLS and authentication on, beside the same puts without.
//!
//! The lean generator of the other measurements speaks no TLS; here a client library does the talking, with the same
//! share of the processors on every server, so the ratios say less than they would with a machine of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use etcdkit_authority::Authority;
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::{
    AuthEnableRequest, AuthUserAddRequest, AuthUserGrantRoleRequest, AuthenticateRequest, PutRequest,
};
use hdrhistogram::Histogram;
use prost::Message;
use tonic::transport::{Certificate, ClientTlsConfig};

use crate::Arguments;
use crate::call::{Connection, Guard};
use crate::server::{Kind, Server};

const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 64;
const PASSWORD: &str = "a password of the benchmark";

/// Prints puts per second and their p99, in the clear and secured.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!("| server | puts/s in the clear | p99 | puts/s with TLS and authentication | p99 |");
    println!("|---|---:|---:|---:|---:|");
    let authority = Authority::new();
    let flags = flags(&authority);
    for &kind in &arguments.servers {
        let binary = if kind == Kind::Etcd { &arguments.etcd } else { &arguments.etcdkit };
        let clear = Server::start(kind, binary, &arguments.disk).await?;
        let (clear_rate, clear_p99) = load(&clear.endpoint(), &Guard::default(), arguments.seconds).await?;
        drop(clear);
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority.pem));
        let mut guard = Guard { tls: Some(tls), token: None };
        let secured = Server::start_with(kind, binary, &arguments.disk, &flags, &guard).await?;
        guard.token = Some(enable(&secured.endpoint(), &guard).await?);
        let (rate, p99) = load(&secured.endpoint(), &guard, arguments.seconds).await?;
        println!("| {} | {clear_rate:.0} | {clear_p99:.2} ms | {rate:.0} | {p99:.2} ms |", kind.name());
    }
    Ok(())
}

/// The flags of a server with a certificate for the loopback.
fn flags(authority: &Authority) -> Vec<String> {
    let own = authority.sign("etcd", &["127.0.0.1"]);
    let files = [("--cert-file", "cert.pem", &own.cert), ("--key-file", "key.pem", &own.key)];
    files.map(|(flag, file, text)| format!("{flag}={}", authority.write(file, text).display())).to_vec()
}

/// Makes a root, switches authentication on, and logs in.
async fn enable(endpoint: &str, guard: &Guard) -> anyhow::Result<String> {
    let mut auth = AuthClient::new(guard.channel(endpoint).await?);
    let user = AuthUserAddRequest { name: "root".into(), password: PASSWORD.into(), ..Default::default() };
    auth.user_add(user).await?;
    auth.user_grant_role(AuthUserGrantRoleRequest { user: "root".into(), role: "root".into() }).await?;
    auth.auth_enable(AuthEnableRequest {}).await?;
    let login = AuthenticateRequest { name: "root".into(), password: PASSWORD.into() };
    Ok(auth.authenticate(login).await?.into_inner().token)
}

async fn load(endpoint: &str, guard: &Guard, seconds: f64) -> anyhow::Result<(f64, f64)> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for connection in 0..CONNECTIONS {
        let connection_of = Connection::open_guarded(endpoint, guard).await?;
        for caller in 0..IN_FLIGHT / CONNECTIONS {
            let (mut calls, stop) = (connection_of.clone(), Arc::clone(&stop));
            let key = format!("/secured/{connection}/{caller}");
            let put = PutRequest { key: key.into(), value: vec![b'v'; 256].into(), ..Default::default() };
            let put = Bytes::from(put.encode_to_vec());
            callers.push(tokio::spawn(async move {
                let mut latencies = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    calls.unary("/etcdserverpb.KV/Put", put.clone()).await?;
                    latencies.saturating_record(u64::try_from(begun.elapsed().as_micros())?);
                }
                anyhow::Ok(latencies)
            }));
        }
    }
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    for caller in callers {
        all.add(caller.await.context("a caller crashed")??)?;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    Ok((all.len() as f64 / elapsed, all.value_at_quantile(0.99) as f64 / 1000.0))
}
