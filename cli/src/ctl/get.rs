//! `get`.

use etcdkit::{Client, GetOptions, SortOrder, SortTarget};
use etcdkit_proto::etcdserverpb::RangeResponse;

use super::output::{Answer, Format};
use super::session::{Call, failed};
use super::wire;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{Flag, Values, Word};
use crate::console::tree::{Command, Group};

pub(super) const CONSISTENCY: Flag =
    Flag::text("consistency", "l asks the quorum, s answers from the member at hand").or("l");
const ORDER: Flag = Flag::text("order", "order of the results: ASCEND or DESCEND");
const SORT_BY: Flag = Flag::text("sort-by", "what to sort by: CREATE, KEY, MODIFY, VALUE or VERSION");
const LIMIT: Flag = Flag::int("limit", "most keys to show; 0 is no limit");
const PREFIX: Flag = Flag::switch("prefix", "all keys that begin with the given one");
const FROM_KEY: Flag = Flag::switch("from-key", "all keys from the given one on");
const REV: Flag = Flag::int("rev", "read as of this revision");
const KEYS_ONLY: Flag = Flag::switch("keys-only", "leave the values out");
const COUNT_ONLY: Flag = Flag::switch("count-only", "only count the keys; with --write-out=fields");
const PRINT_VALUE_ONLY: Flag =
    Flag::switch("print-value-only", "leave the keys out; with --write-out=simple");
const MIN_CREATE_REV: Flag = Flag::int("min-create-rev", "only keys created at this revision or later");
const MAX_CREATE_REV: Flag = Flag::int("max-create-rev", "only keys created at this revision or earlier");
const MIN_MOD_REV: Flag = Flag::int("min-mod-rev", "only keys modified at this revision or later");
const MAX_MOD_REV: Flag = Flag::int("max-mod-rev", "only keys modified at this revision or earlier");
const STREAM: Flag = Flag::switch("stream", "receive the answer in chunks; needs a server of version 3.7");

pub(super) const COMMAND: Command = Command {
    name: "get",
    arguments: "<key> [range_end]",
    summary: "Reads a key or a range of keys",
    details: "Reads a key, the keys from <key> to before [range_end], or those a flag selects.\n\
              Each pair is shown as a line with the key and a line with the value. A key that does not exist shows nothing.",
    examples: &[
        "$0 get greeting",
        "$0 get web --prefix",
        "$0 get --from-key ''",
        "$0 get greeting --rev=7",
        "$0 get / --prefix --count-only -w fields",
        "$0 get jobs/ --prefix --sort-by=CREATE --order=ASCEND --limit=1",
    ],
    group: Group::KeyValue,
    flags: &[
        CONSISTENCY,
        ORDER,
        SORT_BY,
        LIMIT,
        PREFIX,
        FROM_KEY,
        REV,
        KEYS_ONLY,
        COUNT_ONLY,
        PRINT_VALUE_ONLY,
        MIN_CREATE_REV,
        MAX_CREATE_REV,
        MIN_MOD_REV,
        MAX_MOD_REV,
        STREAM,
    ],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

/// A get as the client takes it.
pub(super) struct Request {
    pub(super) key: Word,
    pub(super) options: GetOptions,
}

async fn run(call: Call) -> Outcome {
    let request = request(&call.values, &call.words)?;
    let mut session = call.open()?;
    let client = session.client().await?;
    let answer = if session.values.switch(&STREAM) {
        stream(&client, request).await?
    } else {
        wire::get(&client.get(request.key, Some(request.options)).await.map_err(failed)?)
    };
    // etcdctl looks at these only now, so that a script sees the server's error first.
    if session.values.switch(&COUNT_ONLY) && session.printer.format != Format::Fields {
        return Err(Failure::bad_args("--count-only is only for `--write-out=fields`"));
    }
    if session.values.switch(&PRINT_VALUE_ONLY) {
        if session.printer.format != Format::Simple {
            return Err(Failure::bad_args("print-value-only is only for `--write-out=simple`"));
        }
        session.printer.values_only = true;
    }
    session.print(&Answer::Get(&answer))
}

/// Reads the arguments.
pub(super) fn request(values: &Values, words: &[Word]) -> Outcome<Request> {
    let Some(key) = words.first().cloned() else {
        return Err(Failure::bad_args(
            "get command needs one argument as key and an optional argument as range_end",
        ));
    };
    let (prefix, from_key) = (values.switch(&PREFIX), values.switch(&FROM_KEY));
    let (keys_only, count_only) = (values.switch(&KEYS_ONLY), values.switch(&COUNT_ONLY));
    if prefix && from_key {
        return Err(not_both("prefix", "from-key"));
    }
    if keys_only && count_only {
        return Err(not_both("keys-only", "count-only"));
    }
    let mut options = GetOptions::new();
    if serializable(&values.text(&CONSISTENCY))? {
        options = options.with_serializable();
    }
    if let Some(end) = words.get(1) {
        if prefix || from_key {
            return Err(too_many_arguments());
        }
        options = options.with_range(end.clone());
    }
    options = options.with_limit(values.int(&LIMIT)).with_revision(values.int(&REV).max(0));
    options = options.with_sort(sort_target(values)?, sort_order(values)?);
    let (key, whole_space) = first_key(key, prefix || from_key);
    if from_key || whole_space {
        options = options.with_from_key();
    } else if prefix {
        options = options.with_prefix();
    }
    if keys_only {
        options = options.with_keys_only();
    }
    if count_only {
        options = options.with_count_only();
    }
    let (min, max) = bounds(values, &MIN_CREATE_REV, &MAX_CREATE_REV, "CreateRev")?;
    options = options.with_min_create_revision(min).with_max_create_revision(max);
    let (min, max) = bounds(values, &MIN_MOD_REV, &MAX_MOD_REV, "ModRev")?;
    options = options.with_min_mod_revision(min).with_max_mod_revision(max);
    Ok(Request { key, options })
}

/// The failure for two flags that exclude each other.
pub(super) fn not_both(one: &str, other: &str) -> Failure {
    Failure::bad_args(format!("`--{one}` and `--{other}` cannot be set at the same time, choose one"))
}

/// The failure for a range end beside a flag that selects a range.
pub(super) fn too_many_arguments() -> Failure {
    Failure::bad_args("too many arguments, only accept one argument when `--prefix` or `--from-key` is set")
}

/// An empty key of an open range means the first possible one; then every key is selected.
pub(super) fn first_key(key: Word, open: bool) -> (Word, bool) {
    if open && key.is_empty() { (vec![0], true) } else { (key, false) }
}

/// Whether `--consistency` asks for a local read.
pub(super) fn serializable(consistency: &str) -> Outcome<bool> {
    match consistency {
        "s" => Ok(true),
        "l" => Ok(false),
        _ => Err(Failure::new(Exit::BadFeature, format!("unknown consistency flag {consistency:?}"))),
    }
}

fn sort_order(values: &Values) -> Outcome<SortOrder> {
    let order = values.text(&ORDER);
    match order.to_uppercase().as_str() {
        "" => Ok(SortOrder::None),
        "ASCEND" => Ok(SortOrder::Ascend),
        "DESCEND" => Ok(SortOrder::Descend),
        _ => Err(Failure::new(Exit::BadFeature, format!("bad sort order {order}"))),
    }
}

fn sort_target(values: &Values) -> Outcome<SortTarget> {
    let target = values.text(&SORT_BY);
    match target.to_uppercase().as_str() {
        "" | "KEY" => Ok(SortTarget::Key),
        "CREATE" => Ok(SortTarget::Create),
        "MODIFY" => Ok(SortTarget::Mod),
        "VALUE" => Ok(SortTarget::Value),
        "VERSION" => Ok(SortTarget::Version),
        _ => Err(Failure::new(Exit::BadFeature, format!("bad sort target {target}"))),
    }
}

/// A pair of revision bounds; zero is none.
fn bounds(values: &Values, min: &Flag, max: &Flag, what: &str) -> Outcome<(i64, i64)> {
    let (min, max) = (values.int(min).max(0), values.int(max).max(0));
    if max > 0 && min > max {
        let message = format!("getMin{what}(={min}) > getMax{what}(={max})");
        return Err(Failure::new(Exit::BadFeature, message));
    }
    Ok((min, max))
}

/// Puts the chunks of a streamed range together.
async fn stream(client: &Client, request: Request) -> Outcome<RangeResponse> {
    let mut chunks = client.get_stream(request.key, Some(request.options)).await.map_err(failed)?;
    let mut answer = RangeResponse::default();
    while let Some(chunk) = chunks.message().await.map_err(failed)? {
        let chunk = wire::get(&chunk);
        answer.header = chunk.header.or(answer.header);
        answer.kvs.extend(chunk.kvs);
        answer.more |= chunk.more;
        answer.count = answer.count.max(chunk.count);
    }
    Ok(answer)
}
