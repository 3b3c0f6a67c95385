//! What the words of a scenario stand for: bytes, numbers, variables.
//!
//! Bytes: plain text with `\xNN`, `\0`, `\s` (blank); `""` is empty; `%N` is N times `x`; `{L}` is the
//! variable L as lower-case hex, as lock keys carry lease ids. Numbers: literal; `+N` counts from the store
//! revision at the scenario's start; `$v`, `$v+N`, `$v-N` use a variable.

use std::collections::HashMap;

use anyhow::{Context as _, Result, anyhow, bail};

/// What `+N` and `$v` mean in this run of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Meaning {
    /// Store revision when the scenario began.
    pub(crate) base: i64,
    pub(crate) variables: HashMap<String, String>,
}

impl Meaning {
    /// A text with each `$v` in it replaced by the variable's value.
    pub(crate) fn substituted(&self, text: &str) -> String {
        let replace =
            |text: String, (name, value): (&String, &String)| text.replace(&format!("${name}"), value);
        self.variables.iter().fold(text.to_owned(), replace)
    }

    /// A word as bytes.
    pub(crate) fn bytes(&self, word: &str) -> Result<Vec<u8>> {
        if word == "\"\"" {
            return Ok(Vec::new());
        }
        if let Some(name) = word.strip_prefix('$') {
            return crate::line::unhex(self.variable(name)?);
        }
        if let Some(count) = word.strip_prefix('%') {
            return Ok(vec![b'x'; count.parse().context("bytes of %N")?]);
        }
        let mut bytes = Vec::with_capacity(word.len());
        let mut rest = word;
        while let Some(next) = rest.chars().next() {
            rest = match next {
                '\\' => self.escape(rest, &mut bytes)?,
                '{' => self.hex_of_variable(rest, &mut bytes)?,
                _ => {
                    let (plain, after) = rest.split_at(next.len_utf8());
                    bytes.extend_from_slice(plain.as_bytes());
                    after
                }
            };
        }
        Ok(bytes)
    }

    fn escape<'w>(&self, rest: &'w str, bytes: &mut Vec<u8>) -> Result<&'w str> {
        if let Some(after) = rest.strip_prefix("\\x") {
            let digits = after.get(..2).ok_or_else(|| anyhow!("\\x needs two digits"))?;
            bytes.push(u8::from_str_radix(digits, 16)?);
            return Ok(&after[2..]);
        }
        for (name, byte) in [("\\0", 0), ("\\s", b' ')] {
            if let Some(after) = rest.strip_prefix(name) {
                bytes.push(byte);
                return Ok(after);
            }
        }
        bail!("unknown escape in {rest:?}")
    }

    fn hex_of_variable<'w>(&self, rest: &'w str, bytes: &mut Vec<u8>) -> Result<&'w str> {
        let (name, after) =
            rest[1..].split_once('}').ok_or_else(|| anyhow!("no closing brace in {rest:?}"))?;
        let number: i64 = self.variable(name)?.parse()?;
        bytes.extend_from_slice(format!("{number:x}").as_bytes());
        Ok(after)
    }

    /// A word as a number.
    pub(crate) fn number(&self, word: &str) -> Result<i64> {
        if let Some(offset) = word.strip_prefix('+') {
            return Ok(self.base + offset.parse::<i64>().with_context(|| word.to_owned())?);
        }
        let Some(name) = word.strip_prefix('$') else {
            return match word {
                "true" => Ok(1),
                "false" => Ok(0),
                _ => word.parse().with_context(|| format!("{word:?} is not a number")),
            };
        };
        let at = name.find(['+', '-']).unwrap_or(name.len());
        let (name, offset) = name.split_at(at);
        let offset: i64 = if offset.is_empty() { 0 } else { offset.parse()? };
        Ok(self.variable(name)?.parse::<i64>()? + offset)
    }

    fn variable(&self, name: &str) -> Result<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| anyhow!("variable ${name} has no value yet"))
    }

    /// Whether a word names a variable that has no value yet.
    pub(crate) fn unbound<'w>(&self, word: &'w str) -> Option<&'w str> {
        word.strip_prefix('$')
            .filter(|name| !name.contains(['+', '-']) && !self.variables.contains_key(*name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_mean_what_the_header_says() {
        let mut meaning = Meaning { base: 40, ..Meaning::default() };
        meaning.variables.insert("L".into(), "255".into());
        assert_eq!(meaning.bytes(r"a\x00\0\sb").unwrap(), b"a\0\0 b");
        assert_eq!(meaning.bytes("lock/{L}").unwrap(), b"lock/ff");
        assert_eq!(meaning.bytes("%3").unwrap(), b"xxx");
        assert_eq!(meaning.number("+2").unwrap(), 42);
        assert_eq!(meaning.number("$L-5").unwrap(), 250);
        assert!(meaning.number("$M").is_err());
    }
}
