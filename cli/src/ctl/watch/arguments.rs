//! The keys and the command of a watch: from its arguments, from the environment, and around the `--`.

use std::ffi::OsString;

use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Word;
use crate::console::quote::quote;

pub(super) const BAD_NUMBER: &str = "bad number of arguments";
const CONFLICT: &str = "bad number of arguments (found conflicting environment key)";
const NO_COMMAND: &str = "bad number of arguments (found separator --, but no commands)";

/// `ETCDCTL_WATCH_KEY` and `ETCDCTL_WATCH_RANGE_END`; an empty one counts as not set.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    pub(super) key: Option<Word>,
    pub(super) range_end: Option<Word>,
}

impl Environment {
    pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Outcome<Self> {
        let read = |name| variable(name).map(OsString::into_encoded_bytes).filter(|value| !value.is_empty());
        let environment =
            Environment { key: read("ETCDCTL_WATCH_KEY"), range_end: read("ETCDCTL_WATCH_RANGE_END") };
        match &environment {
            Environment { key: None, range_end: Some(end) } => Err(Failure::bad_args(format!(
                "ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END={}",
                quote(end)
            ))),
            _ => Ok(environment),
        }
    }
}

/// What to watch and what to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The key and perhaps the end of a range.
    pub(super) keys: Vec<Word>,
    /// The command to run for each event; empty for none.
    pub(super) command: Vec<Word>,
}

/// Sorts the words of a watch; `before_dash` of them stand before the `--`, if there is one.
pub(super) fn read(
    words: &[Word],
    before_dash: Option<usize>,
    environment: &Environment,
) -> Outcome<Arguments> {
    let (keys, command) = words.split_at(before_dash.unwrap_or(words.len()));
    if before_dash.is_some() && command.is_empty() {
        return Err(Failure::bad_args(NO_COMMAND));
    }
    let keys = match &environment.key {
        Some(_) if !keys.is_empty() => return Err(Failure::bad_args(CONFLICT)),
        Some(key) => [key].into_iter().chain(&environment.range_end).cloned().collect(),
        None if keys.is_empty() => return Err(Failure::bad_args(BAD_NUMBER)),
        None => keys.to_vec(),
    };
    Ok(Arguments { keys, command: command.to_vec() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn words(text: &str) -> Vec<Word> {
        text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
    }

    fn key_set() -> Environment {
        Environment { key: Some(b"env".to_vec()), range_end: Some(b"enw".to_vec()) }
    }

    fn refused(text: &str, before_dash: Option<usize>, environment: &Environment) -> String {
        read(&words(text), before_dash, environment).unwrap_err().message.unwrap()
    }

    #[test]
    fn keys_stand_before_the_dashes_and_the_command_behind() {
        let arguments = read(&words("foo bar echo hi"), Some(2), &Environment::default()).unwrap();
        assert_eq!(arguments, Arguments { keys: words("foo bar"), command: words("echo hi") });
        let arguments = read(&words("foo"), None, &Environment::default()).unwrap();
        assert_eq!(arguments, Arguments { keys: words("foo"), command: Vec::new() });
    }

    #[test]
    fn the_environment_stands_for_the_keys() {
        let arguments = read(&words("echo hi"), Some(0), &key_set()).unwrap();
        assert_eq!(arguments, Arguments { keys: words("env enw"), command: words("echo hi") });
        assert_eq!(read(&[], None, &key_set()).unwrap().keys, words("env enw"));
    }

    #[test]
    fn contradictions_are_refused() {
        let none = Environment::default();
        assert_eq!(refused("", None, &none), BAD_NUMBER);
        assert_eq!(refused("foo", Some(1), &none), NO_COMMAND);
        assert_eq!(refused("echo", Some(0), &none), BAD_NUMBER);
        assert_eq!(refused("foo", None, &key_set()), CONFLICT);
        assert_eq!(refused("foo echo", Some(1), &key_set()), CONFLICT);
    }

    #[test]
    fn an_end_without_a_key_is_refused() {
        let set = |name: &str| (name == "ETCDCTL_WATCH_RANGE_END").then(|| OsString::from("z"));
        let message = Environment::read(set).unwrap_err().message.unwrap();
        assert_eq!(message, r#"ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END="z""#);
    }
}
