//! One line of the protocol (`spec/PROTOCOL.md`).

use std::fmt;

use anyhow::{Context as _, Result, anyhow};
use etcdkit::{KeyValue, ResponseHeader};

/// A request or an answer: id, verb, `name=value` fields; bytes as hex.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) verb: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Line {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_ascii_whitespace();
        let id = words.next().context("no id")?.parse()?;
        let verb = words.next().context("no verb")?.to_owned();
        let split = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            (name.to_owned(), value.to_owned())
        };
        Ok(Line { id, verb, fields: words.map(split).collect() })
    }

    /// A success that answers this line.
    pub(crate) fn ok(&self) -> Self {
        Line::new(self.id, "ok")
    }

    /// A success with the revision of the response.
    pub(crate) fn answered(&self, header: Option<&ResponseHeader>) -> Self {
        self.ok().with("rev", header.map_or(0, ResponseHeader::revision))
    }

    pub(crate) fn new(id: u64, verb: &str) -> Self {
        Line { id, verb: verb.to_owned(), fields: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn with_pairs<'k>(mut self, kvs: impl IntoIterator<Item = &'k KeyValue>) -> Self {
        for kv in kvs {
            self = self.with("kv", pair(kv));
        }
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        unhex(self.get(name).unwrap_or_default())
    }

    /// Absent is `None`, which is not the same as zero for most options.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>> {
        self.get(name).map(|text| text.parse().with_context(|| format!("{name}={text}"))).transpose()
    }

    pub(crate) fn need(&self, name: &str) -> Result<i64> {
        self.number(name)?.ok_or_else(|| anyhow!("{} needs {name}=", self.verb))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.verb)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Result<Vec<u8>> {
    let digits = |at: usize| text.get(at..at + 2).with_context(|| format!("{text:?} is not hex"));
    (0..text.len()).step_by(2).map(|at| Ok(u8::from_str_radix(digits(at)?, 16)?)).collect()
}

pub(crate) fn pair(kv: &KeyValue) -> String {
    let (create, modified) = (kv.create_revision(), kv.mod_revision());
    format!("{}:{}:{create}:{modified}:{}:{}", hex(kv.key()), hex(kv.value()), kv.version(), kv.lease())
}
