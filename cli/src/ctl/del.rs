//! `del`.

use std::time::Duration;

use etcdkit::DeleteOptions;

use super::get::{first_key, not_both, too_many_arguments};
use super::output::Answer;
use super::session::{Call, failed};
use super::wire;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Values, Word};
use crate::console::quote::quote;
use crate::console::tell;
use crate::console::tree::{Command, Group};

const PREFIX: Flag = Flag::switch("prefix", "all keys that begin with the given one");
const PREV_KV: Flag = Flag::switch("prev-kv", "show the pairs that were deleted");
const FROM_KEY: Flag = Flag::switch("from-key", "all keys from the given one on");
const RANGE: Flag = Flag::switch("range", "delete the range of two arguments without a warning");

/// How long a user can take back a range that may be meant as two keys.
const SECOND_THOUGHTS: Duration = Duration::from_secs(2);

pub(super) const COMMAND: Command = Command {
    name: "del",
    arguments: "<key> [range_end]",
    summary: "Deletes a key or a range of keys",
    details: "Deletes a key, the keys from <key> to before [range_end], or those a flag selects. Shows how many.\n\
              Two arguments are a range, not two keys: without --range there are two seconds to interrupt the command.",
    examples: &["$0 del greeting", "$0 del web --prefix --prev-kv", "$0 del a c --range"],
    group: Group::KeyValue,
    flags: &[PREFIX, PREV_KV, FROM_KEY, RANGE],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

/// A del as the client takes it.
pub(super) struct Request {
    pub(super) key: Word,
    pub(super) options: DeleteOptions,
}

async fn run(call: Call) -> Outcome {
    let request = request(&call.values, &call.words)?;
    confirm_range(&call.values, &call.words).await;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.delete(request.key, Some(request.options)).await.map_err(failed)?;
    session.print(&Answer::Delete(&wire::delete(&answer)))
}

/// Reads the arguments.
pub(super) fn request(values: &Values, words: &[Word]) -> Outcome<Request> {
    let (key, end) = match words {
        [key] => (key.clone(), None),
        [key, end] => (key.clone(), Some(end.clone())),
        _ => {
            return Err(Failure::bad_args(
                "del command needs one argument as key and an optional argument as range_end",
            ));
        }
    };
    let (prefix, from_key) = (values.switch(&PREFIX), values.switch(&FROM_KEY));
    if prefix && from_key {
        return Err(not_both("prefix", "from-key"));
    }
    let mut options = DeleteOptions::new();
    if let Some(end) = end {
        if prefix || from_key {
            return Err(too_many_arguments());
        }
        options = options.with_range(end);
    }
    let (key, whole_space) = first_key(key, prefix || from_key);
    if from_key || whole_space {
        options = options.with_from_key();
    } else if prefix {
        options = options.with_prefix();
    }
    if values.switch(&PREV_KV) {
        options = options.with_prev_key();
    }
    Ok(Request { key, options })
}

/// Warns about a range of two arguments and waits, unless `--range` says it is meant.
pub(super) async fn confirm_range(values: &Values, words: &[Word]) {
    let [start, end] = words else { return };
    if values.switch(&RANGE) {
        return;
    }
    tell(format_args!(
        "Warning: Keys between {} and {} will be deleted. Please interrupt the command within next 2 seconds to \
         cancel. You can provide `--range` flag to avoid the delay.",
        quote(start),
        quote(end)
    ));
    tokio::time::sleep(SECOND_THOUGHTS).await;
}
