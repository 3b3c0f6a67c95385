//! Turns the words of a step into the fields of a driver's line.

use anyhow::{Context as _, Result, anyhow, bail};

use crate::line::hex;
use crate::scenario::Step;
use crate::scenario::word::Meaning;

/// Verb, and the words that come before any `name=value`.
///
/// `@` marks the name a scenario gives to a call, `*` a handle of an earlier call.
const POSITIONAL: &[(&str, &[&str])] = &[
    ("open", &[]),
    ("put", &["key", "value"]),
    ("get", &["key"]),
    ("stream", &["key"]),
    ("del", &["key"]),
    ("compact", &["rev"]),
    ("grant", &[]),
    ("revoke", &["lease"]),
    ("keepalive", &["lease"]),
    ("ttl", &["lease"]),
    ("leases", &[]),
    ("watch", &["@", "key"]),
    ("also", &["*watch", "key"]),
    ("unwatch", &["*watch"]),
    ("progress", &["*watch"]),
    ("lock", &["@", "name"]),
    ("unlock", &["*lock"]),
    ("rpc_lock", &["@", "name"]),
    ("rpc_unlock", &["key"]),
    ("campaign", &["@", "name"]),
    ("proclaim", &["*leader"]),
    ("resign", &["*leader"]),
    ("leader", &["name"]),
    ("observe", &["@", "name"]),
    ("cancel", &["*call"]),
    ("auth", &["do"]),
    ("rpc", &["method", "body"]),
    ("login", &["name", "value"]),
    ("token", &["value"]),
    ("snapshot", &[]),
    ("hashkv", &[]),
    ("status", &[]),
    ("members", &[]),
    ("misuse", &[]),
];

const BYTES: &[&str] = &["key", "value", "end", "name"];
/// Words that stay as they are.
const TEXT: &[&str] = &[
    "call", "do", "kind", "layout", "leader", "lock", "method", "order", "password", "right", "role",
    "target", "user", "watch",
];

type Fields = Vec<(String, String)>;

/// The words a verb takes before any `name=value`; none for a verb that is not known.
pub(crate) fn positional(verb: &str) -> &'static [&'static str] {
    POSITIONAL.iter().find(|(known, _)| *known == verb).map_or(&[], |(_, words)| words)
}

/// The name given to the call, the verb and the fields.
pub(super) fn build(step: &Step, index: u32, meaning: &Meaning) -> Result<(Option<String>, String, Fields)> {
    if step.verb == "txn" {
        return Ok((None, step.verb.clone(), txn(&step.words, meaning)?));
    }
    if !POSITIONAL.iter().any(|(verb, _)| *verb == step.verb) {
        bail!("unknown verb {}", step.verb);
    }
    let mut words = step.words.iter().map(|word| numbered(word, index));
    let (mut name, mut fields) = (None, Fields::new());
    for place in positional(&step.verb) {
        // `proclaim - value=x` leaves the handle out.
        let word = words.next().ok_or_else(|| anyhow!("{} needs {place}", step.verb))?;
        match place.strip_prefix('*') {
            Some(_) if word == "-" => {}
            Some(handle) => fields.push((handle.to_owned(), word)),
            None if *place == "@" => name = Some(word),
            None => fields.push(field(place, &word, meaning)?),
        }
    }
    for word in words {
        if word == "prefix" {
            let key = fields
                .iter()
                .find(|(field, _)| field == "key")
                .map(|(_, key)| key.clone())
                .unwrap_or_default();
            fields.push(("end".to_owned(), hex(&prefix_end(&crate::line::unhex(&key)?))));
            continue;
        }
        match word.split_once('=') {
            Some((field_name, value)) => fields.push(field(field_name, value, meaning)?),
            None => fields.push((word, String::new())),
        }
    }
    Ok((name, step.verb.clone(), fields))
}

/// `#` in a repeated step is its index.
fn numbered(word: &str, index: u32) -> String {
    word.replace('#', &index.to_string())
}

fn field(name: &str, word: &str, meaning: &Meaning) -> Result<(String, String)> {
    let value = if TEXT.contains(&name) {
        word.to_owned()
    } else if name == "body" {
        meaning.substituted(word)
    } else if BYTES.contains(&name) {
        hex(&meaning.bytes(word)?)
    } else {
        meaning.number(word).with_context(|| format!("{name}={word}"))?.to_string()
    };
    Ok((name.to_owned(), value))
}

/// The exclusive end of all keys that begin with this one; a single zero byte where there is no end.
pub(super) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

/// `if mod(a)=+1 value(b,prefix)!=x then put(a,1) N*get(k#) ( if … then … ) else del(a,prefix)`
fn txn(words: &[String], meaning: &Meaning) -> Result<Fields> {
    let mut fields = Fields::new();
    let mut comparing = false;
    for word in words {
        match word.as_str() {
            "if" => comparing = true,
            "then" | "else" => {
                comparing = false;
                fields.push((word.clone(), String::new()));
            }
            "(" => {
                comparing = false;
                fields.push(("begin".to_owned(), String::new()));
            }
            ")" => {
                comparing = false;
                fields.push(("end".to_owned(), String::new()));
            }
            "nil" => fields.push(("nil".to_owned(), String::new())),
            word if comparing => fields.push(compare(word, meaning)?),
            word => {
                let (count, operation) = match word.split_once('*') {
                    Some((count, operation)) if count.parse::<u32>().is_ok() => (count.parse()?, operation),
                    _ => (1, word),
                };
                for index in 0..count {
                    fields.push(op(&numbered(operation, index), meaning)?);
                }
            }
        }
    }
    Ok(fields)
}

fn compare(word: &str, meaning: &Meaning) -> Result<(String, String)> {
    let (target, rest) = word.split_once('(').ok_or_else(|| anyhow!("compare {word:?}"))?;
    let (inner, rest) = rest.split_once(')').ok_or_else(|| anyhow!("compare {word:?}"))?;
    let condition = crate::scenario::condition(&format!("x{rest}"))?;
    let mut parts = inner.split(',');
    let key = meaning.bytes(parts.next().unwrap_or_default())?;
    let end = match parts.next() {
        None => Vec::new(),
        Some("prefix") => prefix_end(&key),
        Some(end) => meaning.bytes(end)?,
    };
    use crate::scenario::Op;
    let operator = match condition.op {
        Op::Equal => "eq",
        Op::NotEqual => "ne",
        Op::Less => "lt",
        Op::Greater => "gt",
        Op::AtMost | Op::AtLeast => bail!("etcd has no <= and >="),
    };
    let operand = match target {
        "value" => hex(&meaning.bytes(&condition.value)?),
        _ => meaning.number(&condition.value)?.to_string(),
    };
    Ok(("if".to_owned(), format!("{target}:{operator}:{}:{}:{operand}", hex(&key), hex(&end))))
}

fn op(word: &str, meaning: &Meaning) -> Result<(String, String)> {
    let (verb, rest) = word.split_once('(').ok_or_else(|| anyhow!("operation {word:?}"))?;
    let inner = rest.strip_suffix(')').ok_or_else(|| anyhow!("operation {word:?}"))?;
    let mut parts = inner.split(',');
    let key = meaning.bytes(parts.next().unwrap_or_default())?;
    let value = match verb {
        "put" => meaning.bytes(parts.next().unwrap_or("\"\""))?,
        _ => Vec::new(),
    };
    let (mut end, mut lease, mut limit, mut revision, mut flags) = (Vec::new(), 0, 0, 0, String::new());
    for part in parts {
        match part.split_once('=') {
            Some(("end", word)) => end = meaning.bytes(word)?,
            Some(("lease", word)) => lease = meaning.number(word)?,
            Some(("limit", word)) => limit = meaning.number(word)?,
            Some(("rev", word)) => revision = meaning.number(word)?,
            None if part == "prefix" => end = prefix_end(&key),
            None => flags.push_str(match part {
                "prev" => "p",
                "ignore_value" => "v",
                "ignore_lease" => "l",
                "keys_only" => "k",
                "count_only" => "c",
                _ => bail!("operation {word:?}: {part}"),
            }),
            _ => bail!("operation {word:?}: {part}"),
        }
    }
    let (key, end) = (hex(&key), hex(&end));
    let text = match verb {
        "put" => format!("{key}:{}:{lease}:{flags}", hex(&value)),
        "get" => format!("{key}:{end}:{limit}:{revision}:{flags}"),
        "del" => format!("{key}:{end}:{flags}"),
        _ => bail!("operation {word:?}"),
    };
    Ok((verb.to_owned(), text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_last_byte_can_grow() {
        assert_eq!(prefix_end(b"ab"), b"ac");
        assert_eq!(prefix_end(b"a\xff"), b"b");
        assert_eq!(prefix_end(b"\xff"), [0]);
        assert_eq!(prefix_end(b""), [0]);
    }

    #[test]
    fn a_transaction_becomes_tokens() {
        let words: Vec<String> = "if mod(a)=3 then put(a,1) 2*get(k#) ( then del(b,prefix) ) else nil"
            .split(' ')
            .map(str::to_owned)
            .collect();
        let fields = txn(&words, &Meaning::default()).unwrap();
        let text: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = "if=mod:eq:61::3 then= put=61:31:0: get=6b30::0:0: get=6b31::0:0: begin= then= del=62:63: end= else= nil=";
        assert_eq!(text.join(" "), expected);
    }
}
