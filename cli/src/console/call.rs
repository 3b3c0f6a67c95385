//! A command with what it was called with.

use super::failure::{Failure, Outcome};
use super::flags::{Parsed, Values, Word};

/// A command with what it was called with.
pub(crate) struct Call {
    pub(crate) values: Values,
    /// The arguments.
    pub(crate) words: Vec<Word>,
    /// How many of them came before `--`, when there was one.
    pub(crate) before_dash: Option<usize>,
}

impl Call {
    pub(crate) fn new(parsed: Parsed) -> Self {
        Call { values: parsed.values, words: parsed.words, before_dash: parsed.before_dash }
    }

    /// The only argument, as text; the complaint when there is none or there are more.
    pub(crate) fn only_word(&self, complaint: &str) -> Outcome<String> {
        match self.words.as_slice() {
            [word] => Ok(text(word)),
            _ => Err(Failure::bad_args(complaint)),
        }
    }

    /// Refuses arguments where there is nothing to be named.
    pub(crate) fn no_words(&self, complaint: &str) -> Outcome {
        if self.words.is_empty() { Ok(()) } else { Err(Failure::bad_args(complaint)) }
    }
}

/// A word as text. Names of users, roles and files are text; only keys and values may be any bytes.
pub(crate) fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
