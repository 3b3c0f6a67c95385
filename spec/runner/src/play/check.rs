//! Compares what a driver told with what a step expects, and binds variables on the way.

use anyhow::{Context as _, Result, bail};

use crate::line::{Line, Pair, hex};
use crate::scenario::word::Meaning;
use crate::scenario::{Condition, Expect, Op, condition};

/// Fields that are items of a list rather than facts about the whole answer.
const ITEMS: &[&str] = &["kv", "r", "key"];
/// Verbs whose answer tells a single key as a fact.
const SINGLE_KEY: &str = "key";

pub(super) fn answer(line: &Line, expect: &Expect, meaning: &mut Meaning) -> Result<()> {
    match expect {
        Expect::Error { codes, message } => error(line, codes, message.as_deref()),
        Expect::Ok { head, items } => {
            if line.verb != "ok" {
                bail!("expected success, got {}", describe(line));
            }
            for wanted in head {
                fact(line, wanted, meaning).with_context(|| describe(line))?;
            }
            match items {
                Some(items) => list(line, items, meaning).with_context(|| describe(line)),
                None => Ok(()),
            }
        }
    }
}

/// Words after the stream's name: what it is, then conditions.
pub(super) fn event(line: &Line, words: &[String], same_batch: bool, meaning: &mut Meaning) -> Result<()> {
    let Some((kind, conditions)) = words.split_first() else { bail!("expect what?") };
    let actual = line.get("type").unwrap_or(&line.verb);
    if actual != kind {
        bail!("expected {kind}, got {}", describe(line));
    }
    for word in conditions {
        if word == "same_batch" || word == "new_batch" {
            if same_batch != (word == "same_batch") {
                bail!("expected {word}, got {}", describe(line));
            }
            continue;
        }
        if !word.contains(['=', '<', '>']) {
            let kv = Pair::parse(line.get("kv").unwrap_or_default())?;
            same_bytes("key", &kv.key, Op::Equal, &meaning.bytes(word)?)?;
            continue;
        }
        let wanted = condition(word)?;
        let outcome = match (wanted.name.as_str(), line.get("kv")) {
            ("prev", _) => previous(line, &wanted, meaning),
            ("compact" | "reason" | "id" | "rev" | "code" | "fragment", _) | (_, None) => {
                fact(line, &wanted, meaning)
            }
            (_, Some(kv)) => pair_condition(&Pair::parse(kv)?, &wanted, meaning),
        };
        outcome.with_context(|| describe(line))?;
    }
    Ok(())
}

fn previous(line: &Line, wanted: &Condition, meaning: &Meaning) -> Result<()> {
    let told = line.get("prev");
    if wanted.value == "none" {
        return match told.is_none() == (wanted.op == Op::Equal) {
            true => Ok(()),
            false => bail!("prev does not hold"),
        };
    }
    let Some(text) = told else { bail!("no previous value") };
    same_bytes("prev", &Pair::parse(text)?.value, wanted.op, &meaning.bytes(&wanted.value)?)
}

fn error(line: &Line, codes: &[String], message: Option<&str>) -> Result<()> {
    if line.verb != "err" {
        bail!("expected error {}, got {}", codes.join("|"), describe(line));
    }
    let plain = |code: &str| code.replace('_', "").to_ascii_lowercase();
    let code = plain(line.get("code").unwrap_or_default());
    if !codes.iter().any(|wanted| wanted == "Any" || plain(wanted) == code) {
        bail!("expected error {}, got {}", codes.join("|"), describe(line));
    }
    let told = line.text("msg").unwrap_or_default();
    match message {
        // A text of our own: what it must speak of, in each language's words.
        Some(message) if message.starts_with('~') => {
            match told.to_ascii_lowercase().contains(&message[1..]) {
                true => Ok(()),
                false => bail!("expected a message about {:?}, got {told:?}", &message[1..]),
            }
        }
        Some(message) if message != told => bail!("expected message {message:?}, got {told:?}"),
        _ => Ok(()),
    }
}

/// A condition on the answer as a whole. With several fields of that name, one must be equal, none unequal.
fn fact(line: &Line, wanted: &Condition, meaning: &mut Meaning) -> Result<()> {
    // The shape that this SDK keeps has no place for it; what depends on it is checked by what comes later.
    if line.fields.iter().any(|(name, value)| name == "untold" && *value == wanted.name) {
        return Ok(());
    }
    let values: Vec<&str> = line
        .fields
        .iter()
        .filter(|(name, _)| *name == wanted.name)
        .map(|(_, value)| value.as_str())
        .collect();
    if let (Some(variable), Some(value)) = (meaning.unbound(&wanted.value), values.first()) {
        meaning.variables.insert(variable.to_owned(), (*value).to_owned());
        return Ok(());
    }
    if values.is_empty() {
        bail!("the answer does not tell {}", wanted.name);
    }
    let holds = |value: &&str| one_fact(value, wanted, meaning);
    let outcomes = values.iter().map(holds).collect::<Result<Vec<bool>>>()?;
    let held = match wanted.op {
        Op::NotEqual => outcomes.iter().all(|held| *held),
        _ => outcomes.iter().any(|held| *held),
    };
    match held {
        true => Ok(()),
        false => bail!("{} {:?} {} does not hold for {values:?}", wanted.name, wanted.op, wanted.value),
    }
}

fn one_fact(value: &str, wanted: &Condition, meaning: &Meaning) -> Result<bool> {
    match wanted.name.as_str() {
        // A field of a message by its path: a text, unless it is to be more or less than something.
        path if path.starts_with('.') && matches!(wanted.op, Op::Equal | Op::NotEqual) => {
            Ok((value == meaning.substituted(&wanted.value)) == (wanted.op == Op::Equal))
        }
        SINGLE_KEY => Ok((value == hex(&meaning.bytes(&wanted.value)?)) == (wanted.op == Op::Equal)),
        "reason" => Ok((value == hex(&meaning.bytes(&wanted.value)?)) == (wanted.op == Op::Equal)),
        "version" | "code" | "header" => Ok((value == wanted.value) == (wanted.op == Op::Equal)),
        _ => Ok(ordered(value.parse()?, wanted.op, meaning.number(&wanted.value)?)),
    }
}

fn list(line: &Line, wanted: &[Vec<String>], meaning: &mut Meaning) -> Result<()> {
    let mut items: Vec<&(String, String)> =
        line.fields.iter().filter(|(name, _)| ITEMS.contains(&name.as_str())).collect();
    // The keys of a lease come in no particular order.
    if items.iter().all(|(name, _)| name == "key") {
        items.sort();
    }
    if items.len() != wanted.len() {
        bail!("expected {} items, got {}", wanted.len(), items.len());
    }
    for ((name, value), words) in items.into_iter().zip(wanted) {
        item(name, value, words, meaning).with_context(|| format!("item {}", words.join(" ")))?;
    }
    Ok(())
}

fn item(name: &str, value: &str, words: &[String], meaning: &mut Meaning) -> Result<()> {
    match name {
        "kv" => {
            let pair = Pair::parse(value)?;
            words.iter().enumerate().try_for_each(|(at, word)| match at {
                0 => key_and_value(&pair, word, meaning),
                _ => pair_condition(&pair, &condition(word)?, meaning),
            })
        }
        "key" => {
            let wanted = condition(&words.join(" "))?;
            same_bytes("key", &crate::line::unhex(value)?, wanted.op, &meaning.bytes(&wanted.value)?)
        }
        _ => operation(value, words, meaning),
    }
}

/// The answer of one operation of a transaction.
fn operation(value: &str, words: &[String], meaning: &Meaning) -> Result<()> {
    let parts: Vec<&str> = value.split(':').collect();
    let Some((kind, conditions)) = words.split_first() else { bail!("an operation has a name") };
    if parts[0] != kind {
        bail!("expected {kind}, got {}", parts[0]);
    }
    let names: &[&str] = match parts[0] {
        "get" => &["count", "more"],
        "del" => &["deleted"],
        "txn" => &["succeeded"],
        _ => &[],
    };
    for word in conditions {
        let wanted = condition(word)?;
        let at = names.iter().position(|name| *name == wanted.name);
        let Some(value) = at.and_then(|at| parts.get(at + 1)) else {
            bail!("{kind} does not tell {}", wanted.name)
        };
        if !ordered(value.parse()?, wanted.op, meaning.number(&wanted.value)?) {
            bail!("{word} does not hold for {value}");
        }
    }
    Ok(())
}

/// `key=value`, the first word about a pair; `key` alone leaves the value open.
fn key_and_value(pair: &Pair, word: &str, meaning: &mut Meaning) -> Result<()> {
    let (key, value) = word.split_once('=').map_or((word, None), |(key, value)| (key, Some(value)));
    if let Some(variable) = meaning.unbound(key) {
        meaning.variables.insert(variable.to_owned(), hex(&pair.key));
    }
    same_bytes("key", &pair.key, Op::Equal, &meaning.bytes(key)?)?;
    match value {
        Some("") => same_bytes("value", &pair.value, Op::Equal, b""),
        Some(value) => same_bytes("value", &pair.value, Op::Equal, &meaning.bytes(value)?),
        None => Ok(()),
    }
}

fn pair_condition(pair: &Pair, wanted: &Condition, meaning: &mut Meaning) -> Result<()> {
    let value = match wanted.name.as_str() {
        "create" => pair.create,
        "mod" => pair.modified,
        "version" => pair.version,
        "lease" => pair.lease,
        "value" => return same_bytes("value", &pair.value, wanted.op, &meaning.bytes(&wanted.value)?),
        key => {
            same_bytes("key", &pair.key, Op::Equal, &meaning.bytes(key)?)?;
            return same_bytes("value", &pair.value, wanted.op, &meaning.bytes(empty_word(&wanted.value))?);
        }
    };
    if let Some(variable) = meaning.unbound(&wanted.value) {
        meaning.variables.insert(variable.to_owned(), value.to_string());
        return Ok(());
    }
    match ordered(value, wanted.op, meaning.number(&wanted.value)?) {
        true => Ok(()),
        false => bail!("{}={value}, wanted {:?} {}", wanted.name, wanted.op, wanted.value),
    }
}

fn empty_word(word: &str) -> &str {
    if word.is_empty() { "\"\"" } else { word }
}

fn same_bytes(what: &str, actual: &[u8], op: Op, wanted: &[u8]) -> Result<()> {
    if (actual == wanted) == (op == Op::Equal) {
        return Ok(());
    }
    let text = String::from_utf8_lossy;
    bail!("{what} is {:?}, wanted {op:?} {:?}", text(short(actual)), text(short(wanted)))
}

/// Enough of a long value to recognise it.
fn short(bytes: &[u8]) -> &[u8] {
    const SHOWN: usize = 80;
    &bytes[..bytes.len().min(SHOWN)]
}

fn ordered(actual: i64, op: Op, wanted: i64) -> bool {
    match op {
        Op::Equal => actual == wanted,
        Op::NotEqual => actual != wanted,
        Op::Less => actual < wanted,
        Op::Greater => actual > wanted,
        Op::AtMost => actual <= wanted,
        Op::AtLeast => actual >= wanted,
    }
}

/// A line as a person reads it: bytes as text, long ones cut.
fn describe(line: &Line) -> String {
    const SHOWN: usize = 600;
    let mut text = line.verb.clone();
    for (name, value) in &line.fields {
        let readable = match name.as_str() {
            "msg" | "reason" | "key" => line.text(name).unwrap_or_default(),
            "kv" | "prev" => Pair::parse(value).map_or_else(|_| value.clone(), |pair| describe_pair(&pair)),
            _ => value.clone(),
        };
        text.push_str(&format!(" {name}={readable}"));
    }
    text.chars().take(SHOWN).collect()
}

fn describe_pair(pair: &Pair) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(short(bytes)).escape_debug().to_string();
    let Pair { create, modified, version, lease, .. } = pair;
    format!(
        "({}={} create={create} mod={modified} version={version} lease={lease})",
        text(&pair.key),
        text(&pair.value)
    )
}
