//! `watch`: shows changes as they happen, and may run a command for each.

mod arguments;
mod exec;
mod since;

use std::collections::{HashMap, VecDeque};
use std::io::BufRead as _;

use etcdkit::{Client, WatchOptions, WatchResponse, WatchStream};
use etcdkit_proto::EtcdError;
use tokio::sync::mpsc;

use super::output::{Answer, Printer};
use super::session::{Call, Session, describe, failed};
use super::wire;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{self, Flag, FlagError, Values, Word};
use crate::console::tell;
use crate::console::tree::{Command, Group};
use crate::console::words;
use arguments::{Arguments, Environment};

const INTERACTIVE: Flag = Flag::switch("interactive", "read watch commands from stdin").short('i');
const PREFIX: Flag = Flag::switch("prefix", "all keys that begin with the given one");
const REV: Flag = Flag::int("rev", "first revision to show; 0 is from now on").once("revision");
const FROM_KEY: Flag = Flag::switch("from-key", "all keys from the given one on");
const PREV_KV: Flag = Flag::switch("prev-kv", "show the pair as it was before each change");
const SINCE: Flag = Flag::text(
    "since",
    "show what changed since then: a duration such as 10m, an RFC 3339 time, a revision, or compacted for all there is",
);
const PROGRESS_NOTIFY: Flag =
    Flag::switch("progress-notify", "show how far the watch is while nothing happens");

/// The flags of a line of `watch -i` too.
const FLAGS: &[Flag] = &[INTERACTIVE, PREFIX, FROM_KEY, REV, PREV_KV, PROGRESS_NOTIFY];

/// Lines of stdin that may wait for the command before them: typing is slower than watching starts.
const LINES_AHEAD_MAX: usize = 16;

pub(super) const COMMAND: Command = Command {
    name: "watch",
    arguments: "[key] [range_end] [-- command [argument...]]",
    summary: "Shows the changes of keys as they happen",
    details: "Shows each change of a key, of the keys from [key] to before [range_end], or of a prefix: a line PUT or\n\
              DELETE, the key, the value. A command behind -- runs for each change with ETCD_WATCH_REVISION,\n\
              ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE in its environment.\n\
              ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END may stand for the key.\n\
              Revisions have no times in etcd. A server of etcdkit remembers since its start, to the second for an hour and\n\
              to the minute for a week, which revision there was; --since=10m asks it, and may show a little more.",
    examples: &[
        "$0 watch stock1",
        "$0 watch stock --prefix --prev-kv",
        "$0 watch --rev=1 foo",
        "$0 watch /config/ --prefix --since=10m",
        "$0 watch /config/ --prefix -- ./reload.sh",
    ],
    group: Group::KeyValue,
    flags: &[INTERACTIVE, PREFIX, FROM_KEY, REV, SINCE, PREV_KV, PROGRESS_NOTIFY],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

/// One watch to start.
#[derive(Debug)]
struct Request {
    key: Word,
    options: WatchOptions,
    command: Vec<Word>,
}

impl Request {
    /// `None` when there is no key to watch.
    fn new(values: &Values, arguments: Arguments) -> Outcome<Self> {
        let prefix = values.switch(&PREFIX);
        let mut options = WatchOptions::new().with_start_revision(values.int(&REV));
        let key = match arguments.keys.as_slice() {
            [_, _] if prefix => {
                return Err(Failure::bad_args("`range_end` and `--prefix` are mutually exclusive"));
            }
            [key, end] => {
                options = options.with_range(end.clone());
                key.clone()
            }
            [key] => key.clone(),
            _ => return Err(Failure::bad_args(arguments::BAD_NUMBER)),
        };
        match (prefix, values.switch(&FROM_KEY)) {
            (true, true) => {
                return Err(Failure::bad_args(
                    "`--prefix` and `--from-key` cannot be set at the same time, choose one",
                ));
            }
            (true, false) => options = options.with_prefix(),
            (false, true) => options = options.with_from_key(),
            (false, false) => {}
        }
        if values.switch(&PREV_KV) {
            options = options.with_prev_key();
        }
        if values.switch(&PROGRESS_NOTIFY) {
            options = options.with_progress_notify();
        }
        Ok(Request { key, options, command: arguments.command })
    }
}

async fn run(call: Call) -> Outcome {
    let environment = Environment::read(|name| std::env::var_os(name))?;
    if call.values.switch(&INTERACTIVE) {
        if call.values.is_set(&SINCE) {
            return Err(Failure::bad_args("`--since` is not for `--interactive`: give a line `--rev`"));
        }
        return interactive(call.open()?, &environment).await;
    }
    let arguments = arguments::read(&call.words, call.before_dash, &environment)?;
    let mut request = Request::new(&call.values, arguments)?;
    let since = since::asked(&call.values)?;
    let session = call.open()?;
    let client = session.client().await?;
    if let Some(since) = since {
        let start = since::start(&session, &client, &request.key, since).await?;
        request.options = request.options.with_start_revision(start);
    }
    follow(&client, session.printer, request).await?;
    Err(Failure::new(Exit::Interrupted, "watch is canceled by the server"))
}

/// Prints what a watch tells until the server ends it.
async fn follow(client: &Client, printer: Printer, request: Request) -> Outcome {
    let mut follower = Follower::new(printer);
    let mut stream = client.watch(request.key, Some(request.options)).await.map_err(failed)?;
    follower.starting.push_back(request.command);
    while let Some(answer) = stream.message().await.map_err(failed)? {
        follower.show(&answer).await?;
    }
    Ok(())
}

/// Starts watches as they are typed, on one stream. All of them print until stdin ends.
async fn interactive(session: Session, environment: &Environment) -> Outcome {
    let client = session.client().await?;
    let mut follower = Follower::new(session.printer);
    let mut lines = lines_of_stdin();
    let mut stream: Option<WatchStream> = None;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            answer = next_message(stream.as_mut()) => {
                match answer {
                    Ok(Some(answer)) => follower.show(&answer).await?,
                    Ok(None) => stream = None,
                    Err(error) => {
                        tell(format_args!("watch was canceled ({})", describe(&error)));
                        stream = None;
                    }
                }
                continue;
            }
        };
        let Some(line) = line else {
            return Err(Failure::new(Exit::InvalidInput, "error reading watch request line: EOF"));
        };
        match understand(&line, environment)? {
            Line::Invalid(why) => {
                tell(format_args!("Invalid command {} ({why})", String::from_utf8_lossy(&line)))
            }
            Line::Progress => {
                if let Some(stream) = &mut stream {
                    stream.request_progress().await.map_err(failed)?;
                }
            }
            Line::Watch(request) => {
                let Request { key, options, command } = *request;
                follower.starting.push_back(command);
                match &mut stream {
                    Some(stream) => stream.watch(key, Some(options)).await.map_err(failed)?,
                    None => stream = Some(client.watch(key, Some(options)).await.map_err(failed)?),
                }
            }
        }
    }
}

/// Waits forever while there is no stream.
async fn next_message(stream: Option<&mut WatchStream>) -> etcdkit::Result<Option<WatchResponse>> {
    match stream {
        Some(stream) => stream.message().await,
        None => std::future::pending().await,
    }
}

/// Shows what the watches of a stream tell, and knows which command belongs to which.
struct Follower {
    printer: Printer,
    /// Commands of watches that wait for their id, in the order they were asked for.
    starting: VecDeque<Vec<Word>>,
    commands: HashMap<i64, Vec<Word>>,
}

impl Follower {
    fn new(printer: Printer) -> Self {
        Follower { printer, starting: VecDeque::new(), commands: HashMap::new() }
    }

    async fn show(&mut self, answer: &WatchResponse) -> Outcome {
        if answer.created() {
            let command = self.starting.pop_front().unwrap_or_default();
            self.commands.insert(answer.watch_id(), command);
        }
        if answer.canceled() {
            tell(format_args!("watch was canceled ({})", reason(answer)));
        } else if answer.created() {
            return Ok(());
        } else if answer.is_progress_notify() {
            let revision = answer.header().map_or(0, |header| header.revision());
            crate::console::print(&format!("progress notify: {revision}\n"))?;
        }
        let message = wire::watch(answer);
        self.printer.print(&Answer::Watch(&message))?;
        if let Some(command) = self.commands.get(&answer.watch_id()) {
            exec::run_for_each(command, &message).await?;
        }
        if answer.canceled() {
            self.commands.remove(&answer.watch_id());
        }
        Ok(())
    }
}

/// Why a watch ended, worded as Go's client does; a watch that ended without a reason started in the future.
fn reason(answer: &WatchResponse) -> String {
    if answer.compact_revision() != 0 {
        return EtcdError::Compacted.message().to_owned();
    }
    match answer.cancel_reason() {
        "" => EtcdError::FutureRevision.message().to_owned(),
        reason if EtcdError::from_message(reason).is_some() => reason.to_owned(),
        reason => format!("rpc error: code = FailedPrecondition desc = {reason}"),
    }
}

enum Line {
    Watch(Box<Request>),
    Progress,
    Invalid(String),
}

fn understand(line: &[u8], environment: &Environment) -> Outcome<Line> {
    let words = words::split(line).map_err(|why| Failure::new(Exit::InvalidInput, why))?;
    match words.first().map(Vec::as_slice) {
        None => Ok(Line::Invalid("watch and progress supported".to_owned())),
        Some(b"progress") => Ok(Line::Progress),
        Some(b"watch") if words.len() < 2 && environment.key.is_none() => {
            Ok(Line::Invalid("command type or key is not provided".to_owned()))
        }
        Some(b"watch") => {
            let parsed = flags::parse(FLAGS, &words[1..]).map_err(|error| match error {
                FlagError::Unknown { message, .. } | FlagError::Malformed(message) => {
                    Failure::bad_args(message)
                }
            })?;
            let arguments = arguments::read(&parsed.words, parsed.before_dash, environment)?;
            match Request::new(&parsed.values, arguments) {
                Ok(request) => Ok(Line::Watch(Box::new(request))),
                Err(failure) => Ok(Line::Invalid(failure.message.unwrap_or_default())),
            }
        }
        Some(_) => Ok(Line::Invalid("only support watch".to_owned())),
    }
}

/// Reads stdin on a thread of its own: nothing else can wait for a terminal.
fn lines_of_stdin() -> mpsc::Receiver<Word> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD_MAX);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut line = Vec::new();
        // A last line without its newline does not count, as in etcdctl.
        while input.read_until(b'\n', &mut line).is_ok() && line.pop() == Some(b'\n') {
            if sender.blocking_send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn invalid(line: &str) -> String {
        match understand(line.as_bytes(), &Environment::default()).unwrap() {
            Line::Invalid(why) => why,
            _ => panic!("{line} was understood"),
        }
    }

    #[test]
    fn lines_start_watches_or_ask_for_progress() {
        let line = understand(b"watch --rev 5 foo bar -- echo \"a b\"", &Environment::default()).unwrap();
        let Line::Watch(request) = line else { panic!("not a watch") };
        assert_eq!(request.key, b"foo");
        assert_eq!(request.command, [b"echo".to_vec(), b"a b".to_vec()]);
        assert!(matches!(understand(b"progress", &Environment::default()), Ok(Line::Progress)));
    }

    #[test]
    fn other_lines_are_refused_and_the_watch_goes_on() {
        assert_eq!(invalid(""), "watch and progress supported");
        assert_eq!(invalid("watch"), "command type or key is not provided");
        assert_eq!(invalid("put a b"), "only support watch");
        assert_eq!(invalid("watch a b --prefix"), "`range_end` and `--prefix` are mutually exclusive");
    }

    proptest! {
        #[test]
        fn no_line_panics(line in r#"(watch|progress|--|--rev|--prefix| |"|'|\\|[a-z0-9=]{1,6}){0,10}"#) {
            let _ = understand(line.as_bytes(), &Environment::default());
        }
    }
}
