//! Drivers: one program per language that performs lines with that language's public SDK, and the runner's
//! own wire driver behind the same interface. Several calls may be in flight on one driver.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

use crate::language::Language;
use crate::line::Line;
use crate::server::Programs;
use crate::wire;

/// Answers and events waiting to be looked at, per call: more than any scenario produces.
const CALL_BACKLOG: usize = 16_384;
/// Lines on their way to or from a driver.
const DRIVER_BACKLOG: usize = 1_024;
/// How long a driver may take to say hello: a Python start on a loaded machine.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

type Calls = Arc<Mutex<HashMap<u64, mpsc::Sender<Line>>>>;

/// A running driver; ended when dropped.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) language: Language,
    requests: mpsc::Sender<Line>,
    calls: Calls,
    next: AtomicU64,
    _child: Option<Child>,
}

/// A call in flight, or a stream of events.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    answers: mpsc::Receiver<Line>,
}

impl Call {
    /// The next line of this call.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<Line> {
        match tokio::time::timeout(patience, self.answers.recv()).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => bail!("the driver ended"),
            Err(_) => bail!("nothing came within {patience:?}"),
        }
    }

    /// Whether an answer is already there.
    pub(crate) fn answered(&self) -> bool {
        !self.answers.is_empty()
    }
}

impl Driver {
    /// The runner's own driver.
    pub(crate) fn wire() -> Self {
        let (requests, receiver) = mpsc::channel(DRIVER_BACKLOG);
        let (answers, incoming) = mpsc::channel(DRIVER_BACKLOG);
        let calls = Calls::default();
        wire::start(receiver, answers);
        tokio::spawn(route(incoming, calls.clone()));
        Driver { language: Language::WIRE, requests, calls, next: AtomicU64::new(1), _child: None }
    }

    pub(crate) async fn start(language: Language, programs: &Programs) -> Result<Self> {
        if language == Language::WIRE {
            return Ok(Self::wire());
        }
        let (requests, receiver) = mpsc::channel(DRIVER_BACKLOG);
        let calls = Calls::default();
        let child = Some(spawn(language, programs, receiver, calls.clone())?);
        let driver = Driver { language, requests, calls, next: AtomicU64::new(1), _child: child };
        let mut hello = driver.call("hello", Vec::new()).await?;
        let answer =
            hello.next(HELLO_TIMEOUT).await.with_context(|| format!("{} driver", language.name()))?;
        if answer.verb != "ok" {
            bail!("the {} driver does not work: {answer}", language.name());
        }
        Ok(driver)
    }

    /// Sends a line; its answers come through the returned call.
    pub(crate) async fn call(&self, verb: &str, fields: Vec<(String, String)>) -> Result<Call> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answers) = mpsc::channel(CALL_BACKLOG);
        lock(&self.calls).insert(id, sender);
        let line = Line { id, verb: verb.to_owned(), fields };
        let gone = |_| anyhow!("the {} driver has ended", self.language.name());
        self.requests.send(line).await.map_err(gone)?;
        Ok(Call { id, answers })
    }
}

fn lock(calls: &Calls) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::Sender<Line>>> {
    calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn spawn(
    language: Language,
    programs: &Programs,
    requests: mpsc::Receiver<Line>,
    calls: Calls,
) -> Result<Child> {
    let mut command = language.command(&programs.built)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run the {} driver {}", language.name(), program.display()))?;
    let stdin = child.stdin.take().ok_or_else(|| anyhow!("no stdin"))?;
    let stdout = child.stdout.take().ok_or_else(|| anyhow!("no stdout"))?;
    tokio::spawn(write_lines(requests, stdin));
    let (sender, incoming) = mpsc::channel(DRIVER_BACKLOG);
    tokio::spawn(read_lines(stdout, sender));
    tokio::spawn(route(incoming, calls));
    Ok(child)
}

async fn write_lines(mut requests: mpsc::Receiver<Line>, mut stdin: ChildStdin) {
    while let Some(line) = requests.recv().await {
        if stdin.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_lines(stdout: ChildStdout, lines: mpsc::Sender<Line>) {
    let mut reader = BufReader::new(stdout).lines();
    while let Ok(Some(text)) = reader.next_line().await {
        let Ok(line) = Line::parse(&text) else {
            eprintln!("not a line of the protocol: {text}");
            continue;
        };
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

/// Hands each line to the call it belongs to; lines of calls nobody waits for any more are dropped.
async fn route(mut incoming: mpsc::Receiver<Line>, calls: Calls) {
    while let Some(line) = incoming.recv().await {
        let sender = lock(&calls).get(&line.id).cloned();
        let Some(sender) = sender else { continue };
        let id = line.id;
        if sender.send(line).await.is_err() {
            lock(&calls).remove(&id);
        }
    }
    lock(&calls).clear();
}
