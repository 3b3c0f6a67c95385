//! Procfiles: what to run, a line `name: command` each.

use std::path::Path;

use anyhow::{Context, bail};

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The program and its arguments.
    pub(super) command: Vec<String>,
}

/// Reads a Procfile.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, command)) = line.split_once(':') else {
            bail!("line {}: it is not `name: command`", number + 1);
        };
        let command = words(command).with_context(|| format!("line {}", number + 1))?;
        if command.is_empty() {
            bail!("line {}: {} has no command", number + 1, name.trim());
        }
        entries.push(Entry { name: name.trim().to_owned(), command });
    }
    Ok(entries)
}

/// Splits at spaces, except within quotes. There is no shell: variables and redirections mean nothing.
fn words(text: &str) -> anyhow::Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in text.chars() {
        match (quote, character) {
            (Some(open), character) if character == open => quote = None,
            (Some(_), character) => word.get_or_insert_default().push(character),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, character) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        bail!("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_is_a_process() {
        let text = "# a cluster\n\netcd1: bin/etcd --name infra1 --initial-cluster 'a=http://127.0.0.1:1'\nproxy: \"my prog\" -x\n";
        let entries = parse(text).unwrap();
        assert_eq!(entries[0].name, "etcd1");
        assert_eq!(
            entries[0].command,
            ["bin/etcd", "--name", "infra1", "--initial-cluster", "a=http://127.0.0.1:1"]
        );
        assert_eq!(entries[1].command, ["my prog", "-x"]);
    }

    #[test]
    fn what_is_no_process_is_refused_with_its_line() {
        for (text, reason) in [("etcd1", "line 1"), ("a: b\nc:", "line 2"), ("a: 'b", "line 1")] {
            assert!(format!("{:#}", parse(text).unwrap_err()).contains(reason), "{text}");
        }
    }
}
