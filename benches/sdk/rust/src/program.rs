// The program of `benches/sdk/programs.toml`, compiled once with each crate as `client`.

use std::future::Future;
use std::time::{Duration, Instant};

use client::{Client, Error, WatchOptions};
use futures::future::join_all;

const TASKS: usize = 64;
const WRITERS: usize = 8;

/// Calls a second by so many tasks at a time.
async fn rate<C, F>(tasks: usize, limit: Duration, call: C) -> f64
where
    C: Fn(usize, usize) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), Error>> + Send,
{
    let begun = Instant::now();
    let workers = (0..tasks).map(|task| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while begun.elapsed() < limit {
                call(task, done).await.expect("a call on a server that is there");
                done += 1;
            }
            done
        })
    });
    let done: usize = join_all(workers).await.into_iter().map(|done| done.expect("no panic")).sum();
    done as f64 / begun.elapsed().as_secs_f64()
}

/// Events a second that a watcher of a prefix sees while others write below it.
async fn watch_rate(client: &Client, value: &'static str, limit: Duration) -> Result<f64, Error> {
    let mut watch = client.clone().watch("watched/", Some(WatchOptions::new().with_prefix())).await?;
    let writer = client.clone();
    let writing = tokio::spawn(rate(WRITERS, limit, move |task, at| {
        let mut client = writer.clone();
        async move { client.put(format!("watched/{task}/{}", at % 100), value, None).await.map(drop) }
    }));
    let (mut seen, begun) = (0, Instant::now());
    while begun.elapsed() < limit.mul_f64(0.9) {
        let Some(response) = watch.message().await? else { break };
        seen += response.events().len();
    }
    let rate = seen as f64 / begun.elapsed().as_secs_f64();
    writing.await.expect("no panic");
    Ok(rate)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().expect("HOST:PORT");
    let seconds = arguments.next().and_then(|text| text.parse().ok()).expect("SECONDS");
    let limit = Duration::from_secs_f64(seconds);
    let value: &'static str = String::leak("x".repeat(256));
    let client = Client::connect([endpoint], None).await?;
    client.clone().put("key", value, None).await?;

    let shared = client.clone();
    let put = move |task: usize, at: usize| {
        let mut client = shared.clone();
        async move { client.put(format!("put/{task}/{}", at % 1000), value, None).await.map(drop) }
    };
    let shared = client.clone();
    let get = move |_: usize, _: usize| {
        let mut client = shared.clone();
        async move { client.get("key", None).await.map(drop) }
    };
    println!("put {}", rate(1, limit, put.clone()).await);
    println!("get {}", rate(1, limit, get.clone()).await);
    println!("put64 {}", rate(TASKS, limit, put).await);
    println!("get64 {}", rate(TASKS, limit, get).await);
    println!("watch {}", watch_rate(&client, value, limit).await?);
    if let Some(mebibytes) = rss_max_mib() {
        println!("rss_mib {mebibytes}");
    }
    Ok(())
}

/// The largest memory of the process, where the system tells it.
fn rss_max_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
