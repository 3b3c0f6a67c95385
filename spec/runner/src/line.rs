//! One line of the driver protocol (`spec/PROTOCOL.md`): an id, a verb and fields, bytes as hex.

use std::fmt;

use anyhow::{Context as _, Result, anyhow, bail};
use etcdkit_proto::mvccpb::KeyValue;

/// A request to a driver, or one of its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) verb: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Line {
    pub(crate) fn new(id: u64, verb: &str) -> Self {
        Line { id, verb: verb.to_owned(), fields: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.push(name, value);
        self
    }

    pub(crate) fn push(&mut self, name: &str, value: impl fmt::Display) {
        self.fields.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_ascii_whitespace();
        let id = words.next().ok_or_else(|| anyhow!("empty line"))?;
        let id = id.parse().with_context(|| format!("id of line {text:?}"))?;
        let verb = words.next().ok_or_else(|| anyhow!("no verb in {text:?}"))?.to_owned();
        let fields = words
            .map(|word| {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Ok(Line { id, verb, fields })
    }

    /// The first field of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| anyhow!("{} needs {name}=", self.verb))
    }

    /// A bytes field; absent is empty.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        self.get(name).map_or(Ok(Vec::new()), unhex)
    }

    /// A number field; absent is zero.
    pub(crate) fn number(&self, name: &str) -> Result<i64> {
        let Some(text) = self.get(name) else { return Ok(0) };
        text.parse().with_context(|| format!("{name}={text} is not a number"))
    }

    /// The text of an error or of a cancel reason.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let bytes = unhex(self.get(name)?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.verb)?;
        for (name, value) in &self.fields {
            match value.is_empty() {
                true => write!(f, " {name}")?,
                false => write!(f, " {name}={value}")?,
            }
        }
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(crate) fn unhex(text: &str) -> Result<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        bail!("{text:?} is not hex");
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).with_context(|| format!("{text:?} is not hex")))
        .collect()
}

/// A pair as `key:value:create:mod:version:lease`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) create: i64,
    pub(crate) modified: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
}

impl Pair {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [key, value, create, modified, version, lease] = parts[..] else {
            bail!("{text:?} is not key:value:create:mod:version:lease");
        };
        Ok(Pair {
            key: unhex(key)?,
            value: unhex(value)?,
            create: create.parse()?,
            modified: modified.parse()?,
            version: version.parse()?,
            lease: lease.parse()?,
        })
    }
}

/// Encodes a pair for a `kv=` field.
pub(crate) fn pair(kv: &KeyValue) -> String {
    let (key, value) = (hex(&kv.key), hex(&kv.value));
    format!("{key}:{value}:{}:{}:{}:{}", kv.create_revision, kv.mod_revision, kv.version, kv.lease)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let line = Line::new(17, "put").with("key", hex(b"a b")).with("prev", "").with("lease", -1);
        assert_eq!(line.to_string(), "17 put key=612062 prev lease=-1");
        assert_eq!(Line::parse(&line.to_string()).unwrap(), line);
    }

    #[test]
    fn bytes_survive_hex() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&all)).unwrap(), all);
        assert!(unhex("abc").is_err());
        assert!(unhex("zz").is_err());
    }
}
