//! `put`.

use std::io::Read as _;

use etcdkit::PutOptions;

use super::output::Answer;
use super::session::{Call, failed};
use super::wire;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Values, Word, parse_lease_id};
use crate::console::tree::{Command, Group};

const LEASE: Flag = Flag::text("lease", "lease to attach the key to, in hexadecimal").or("0");
const PREV_KV: Flag = Flag::switch("prev-kv", "show the pair as it was before");
const IGNORE_VALUE: Flag = Flag::switch("ignore-value", "keep the value the key has");
const IGNORE_LEASE: Flag = Flag::switch("ignore-lease", "keep the lease the key has");

const NEEDS: &str = "put command needs 1 argument and input from stdin or 2 arguments";

pub(super) const COMMAND: Command = Command {
    name: "put",
    arguments: "<key> [value]",
    summary: "Writes a key",
    details: "Writes a key. Without a value on the command line it is read from stdin, to the last byte.\n\
              A value that starts with '-' goes behind '--'.",
    examples: &[
        "$0 put greeting \"Hello World!\"",
        "$0 put greeting -- -hello",
        "$0 put settings < settings.json",
        "$0 put session/7 alive --lease=32695410dcc0ca06",
    ],
    group: Group::KeyValue,
    flags: &[LEASE, PREV_KV, IGNORE_VALUE, IGNORE_LEASE],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

/// A put as the client takes it.
pub(super) struct Request {
    pub(super) key: Word,
    pub(super) value: Word,
    pub(super) options: PutOptions,
}

async fn run(call: Call) -> Outcome {
    let request = request(&call.values, &call.words, value_from_stdin)?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.put(request.key, request.value, Some(request.options)).await.map_err(failed)?;
    session.print(&Answer::Put(&wire::put(&answer)))
}

fn value_from_stdin() -> Option<Word> {
    let mut value = Vec::new();
    std::io::stdin().lock().read_to_end(&mut value).ok()?;
    Some(value)
}

/// Reads the arguments; `missing_value` gives a value that is not among them.
pub(super) fn request(
    values: &Values,
    words: &[Word],
    missing_value: impl FnOnce() -> Option<Word>,
) -> Outcome<Request> {
    let Some(key) = words.first().cloned() else { return Err(Failure::bad_args(NEEDS)) };
    let ignore_value = values.switch(&IGNORE_VALUE);
    let value = match (ignore_value, words.get(1)) {
        (true, None) => Vec::new(),
        (true, Some(_)) => {
            return Err(Failure::bad_args("put command needs only 1 argument when 'ignore-value' is set"));
        }
        (false, Some(value)) => value.clone(),
        (false, None) => {
            missing_value().filter(|value| !value.is_empty()).ok_or_else(|| Failure::bad_args(NEEDS))?
        }
    };
    let lease = parse_lease_id(&values.text(&LEASE))
        .map_err(|why| Failure::bad_args(format!("bad lease ID ({why}), expecting ID in Hex")))?;

    let mut options = PutOptions::new().with_lease(lease);
    if values.switch(&PREV_KV) {
        options = options.with_prev_key();
    }
    if ignore_value {
        options = options.with_ignore_value();
    }
    if values.switch(&IGNORE_LEASE) {
        options = options.with_ignore_lease();
    }
    Ok(Request { key, value, options })
}
