//! What those who mean harm can do to a server, and what it keeps to itself: passwords and tokens are nowhere on its
//! disk, in its log or its metrics; a flood of logins and of silent connections leaves its clients alone.
//!
//! The figures are for `docs/security.md`; what fails here is what must not depend on the machine, and latencies far
//! beyond what a loaded machine explains.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::{
    AuthEnableRequest, AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserGrantRoleRequest,
    AuthenticateRequest, PutRequest,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::Request;
use tonic::transport::Channel;

use crate::server::{Kind, Programs, Server};

/// Passwords that are looked for afterwards.
const PASSWORDS: [&str; 3] = ["canary-Qx81-first", "canary-Zr27-second", "canary-Vm43-third"];
/// Logins at a time, all with wrong passwords.
const FLOOD: usize = 500;
/// Logins whose times are compared, of each kind.
const LOGINS: usize = 41;
/// Connections that say nothing, and how many of them when a flood is long.
const SILENT: usize = 1500;
const SILENT_LONG: usize = 5000;
/// Connections that send their request line byte by byte; as many.
const SLOW: usize = 300;
const SLOW_LONG: usize = 2000;
/// Between two bytes of those.
const SLOW_INTERVAL: Duration = Duration::from_millis(500);
/// How long a request line may take, and what a busy machine adds.
const HEADER_TIME_MAX: Duration = Duration::from_secs(13);
/// What a flood may cost in memory.
const FLOOD_MIB_MAX: f64 = 50.0;
/// A put that takes longer beside a flood than this, and than twice what it took before, waits for it.
const PUT_TIME_MAX: Duration = Duration::from_millis(10);
/// Floods that are shorter only tell what puts take beside them: they run where other work does.
const JUDGED_SECONDS_MIN: u64 = 30;

/// Options of the security tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each flood lasts. The figures in docs/security.md are of a minute; what puts take beside a flood is
    /// judged from half a minute on.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// The server under test.
    #[arg(long, value_enum, default_value = "ours-redb")]
    server: Kind,
}

/// Runs all; the answer is whether all held.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let mut holds = secrets(&options, &programs).await?;
    let server = Server::start(options.server, &programs).await?;
    let token = protect(&server.endpoint()).await?;
    holds &= flood(&options, &server, &token).await?;
    holds &= silence(&options, &server, &token).await?;
    Ok(holds)
}

fn told(what: &str, holds: bool) -> bool {
    println!("{} {what}", if holds { "ok  " } else { "FAIL" });
    holds
}

/// Makes root with the first password, switches authentication on, and logs in.
async fn protect(endpoint: &str) -> Result<String> {
    let mut auth = AuthClient::new(connect(endpoint).await?);
    let user = |name: &str, password: &str| AuthUserAddRequest {
        name: name.to_owned(),
        password: password.to_owned(),
        ..Default::default()
    };
    auth.user_add(user("root", PASSWORDS[0])).await?;
    auth.user_add(user("alice", PASSWORDS[1])).await?;
    auth.user_grant_role(AuthUserGrantRoleRequest { user: "root".into(), role: "root".into() }).await?;
    auth.auth_enable(AuthEnableRequest {}).await?;
    login(&mut auth, "root", PASSWORDS[0]).await
}

async fn connect(endpoint: &str) -> Result<Channel> {
    Ok(Channel::from_shared(endpoint.to_owned())?.connect().await?)
}

async fn login(auth: &mut AuthClient<Channel>, name: &str, password: &str) -> Result<String> {
    let request = AuthenticateRequest { name: name.to_owned(), password: password.to_owned() };
    Ok(auth.authenticate(request).await?.into_inner().token)
}

fn with<T>(token: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("token", token.parse()?);
    Ok(request)
}

async fn secrets(options: &Options, programs: &Programs) -> Result<bool> {
    let mut server =
        Server::start_with(options.server, programs, vec!["--log-level=debug".to_owned()]).await?;
    let token = protect(&server.endpoint()).await?;
    let mut auth = AuthClient::new(connect(&server.endpoint()).await?);
    let alice = login(&mut auth, "alice", PASSWORDS[1]).await?;
    ensure!(login(&mut auth, "alice", PASSWORDS[2]).await.is_err(), "a wrong password is right");
    let change = AuthUserChangePasswordRequest {
        name: "alice".into(),
        password: PASSWORDS[2].into(),
        ..Default::default()
    };
    auth.user_change_password(with(&token, change)?).await?;
    let mut kv = KvClient::new(connect(&server.endpoint()).await?);
    for key in 0..100 {
        let put = PutRequest { key: format!("k{key}").into(), value: "v".into(), ..Default::default() };
        kv.put(with(&token, put)?).await?;
    }
    let body = format!(r#"{{"name":"root","password":"{}"}}"#, PASSWORDS[0]);
    let mut seen = ask(&server, "POST", "/v3/auth/authenticate", &body).await?;
    ensure!(seen.contains("token"), "the gateway gives no token: {seen}");
    seen.clear();
    for path in ["/metrics", "/debug/vars", "/health", "/version"] {
        seen.push_str(&ask(&server, "GET", path, "").await?);
    }
    server.stop().await?;
    let secrets = [PASSWORDS[0], PASSWORDS[1], PASSWORDS[2], &token, &alice];
    let mut places = Vec::new();
    look(server.folder(), &secrets, &mut places)?;
    if secrets.iter().any(|secret| seen.contains(secret)) {
        places.push("an answer over HTTP".to_owned());
    }
    let what =
        format!("passwords and tokens in data, debug log and metrics: {} found {places:?}", places.len());
    Ok(told(&what, places.is_empty()))
}

/// Names the files below a folder that hold a secret.
fn look(folder: &Path, secrets: &[&str], places: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            look(&path, secrets, places)?;
            continue;
        }
        let content = std::fs::read(&path)?;
        let holds = |secret: &&&str| content.windows(secret.len()).any(|window| window == secret.as_bytes());
        if let Some(secret) = secrets.iter().find(holds) {
            places.push(format!("{secret} in {}", path.display()));
        }
    }
    Ok(())
}

async fn ask(server: &Server, method: &str, path: &str, body: &str) -> Result<String> {
    let endpoint = server.endpoint();
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Puts one after the other until `stop`; how long each took.
async fn puts(channel: Channel, token: String, stop: Arc<AtomicBool>) -> Result<Vec<Duration>> {
    let (mut kv, mut took) = (KvClient::new(channel), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let put = PutRequest { key: "k".into(), value: "v".into(), ..Default::default() };
        kv.put(with(&token, put)?).await?;
        took.push(begun.elapsed());
    }
    Ok(took)
}

/// The 99th percentile of puts during `during`.
async fn p99_during<T>(
    server: &Server,
    token: &str,
    during: impl Future<Output = T>,
) -> Result<(Duration, T)> {
    let channel = connect(&server.endpoint()).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let putting = tokio::spawn(puts(channel, token.to_owned(), Arc::clone(&stop)));
    let done = during.await;
    stop.store(true, Ordering::Relaxed);
    let mut took = putting.await??;
    took.sort_unstable();
    let p99 = took.get(took.len().saturating_sub(1) * 99 / 100).copied().context("no put was done")?;
    Ok((p99, done))
}

fn is_near(options: &Options, before: Duration, during: Duration) -> bool {
    options.seconds < JUDGED_SECONDS_MIN || during <= before * 2 || during <= PUT_TIME_MAX
}

async fn flood(options: &Options, server: &Server, token: &str) -> Result<bool> {
    let time = Duration::from_secs(options.seconds);
    let (before, ()) = p99_during(server, token, tokio::time::sleep(time)).await?;
    let memory = server.memory_mib()?;
    let flooding = async {
        let (refused, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let channel = connect(&server.endpoint()).await?;
        let mut logins = JoinSet::new();
        for number in 0..FLOOD {
            let (mut auth, refused, stop) =
                (AuthClient::new(channel.clone()), Arc::clone(&refused), Arc::clone(&stop));
            logins.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let wrong = login(&mut auth, "alice", &format!("wrong {number}")).await;
                    refused.fetch_add(u64::from(wrong.is_err()), Ordering::Relaxed);
                }
            });
        }
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
        logins.join_all().await;
        anyhow::Ok(refused.load(Ordering::Relaxed))
    };
    let (during, refused) = p99_during(server, token, flooding).await?;
    let refused = refused?;
    let grown = server.memory_mib()? - memory;
    let what = format!(
        "{FLOOD} logins at a time for {time:?}, {refused} refused: put p99 {during:.1?}, before {before:.1?}; memory +{grown:.0} MiB"
    );
    let holds = told(&what, is_near(options, before, during) && grown <= FLOOD_MIB_MAX);
    Ok(same_time(server).await? && holds)
}

/// Who is a user must not be told by the clock.
async fn same_time(server: &Server) -> Result<bool> {
    let mut auth = AuthClient::new(connect(&server.endpoint()).await?);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..LOGINS {
        for (name, took) in [("alice", &mut known), ("nobody", &mut unknown)] {
            let begun = Instant::now();
            ensure!(login(&mut auth, name, "wrong").await.is_err(), "a wrong password is right");
            took.push(begun.elapsed());
        }
    }
    known.sort_unstable();
    unknown.sort_unstable();
    let (known, unknown) = (known[LOGINS / 2], unknown[LOGINS / 2]);
    let ratio = unknown.as_secs_f64() / known.as_secs_f64();
    let what = format!("a wrong password takes {known:.1?}, an unknown user {unknown:.1?}: {ratio:.2} of it");
    Ok(told(&what, (0.75..1.34).contains(&ratio)))
}

async fn silence(options: &Options, server: &Server, token: &str) -> Result<bool> {
    let time = Duration::from_secs(options.seconds);
    let (before, ()) = p99_during(server, token, tokio::time::sleep(time)).await?;
    let endpoint = server.endpoint();
    let address = endpoint.trim_start_matches("http://");
    let (silent_ones, slow_ones) = match options.seconds >= JUDGED_SECONDS_MIN {
        true => (SILENT_LONG, SLOW_LONG),
        false => (SILENT, SLOW),
    };
    let mut silent = Vec::new();
    for _ in 0..silent_ones {
        silent.push(TcpStream::connect(address).await?);
    }
    let mut slow = JoinSet::new();
    for _ in 0..slow_ones {
        slow.spawn(send_slowly(TcpStream::connect(address).await?));
    }
    let (during, ended) = p99_during(server, token, slow.join_all()).await?;
    let longest = ended.into_iter().max().unwrap_or_default();
    drop(silent);
    let what = format!(
        "{silent_ones} silent connections and {slow_ones} slow ones, which end within {longest:.1?}: put p99 {during:.1?}, before \
         {before:.1?}"
    );
    Ok(told(&what, is_near(options, before, during) && longest <= HEADER_TIME_MAX))
}

/// Sends a request line byte by byte, until the server has enough; how long that took.
async fn send_slowly(mut stream: TcpStream) -> Duration {
    let begun = Instant::now();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let sending = async {
        for byte in std::iter::once(b'G').chain(std::iter::repeat(b'E')) {
            if writing.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(SLOW_INTERVAL).await;
        }
    };
    tokio::select! {
        _ = reading.read_to_end(&mut answer) => {}
        () = sending => {}
        () = tokio::time::sleep(HEADER_TIME_MAX * 2) => {}
    }
    begun.elapsed()
}
