//! The lines of several processes on one screen: each under the name of who says it, in its own colour on a terminal.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// Colours of the names, as terminals number them; they go round.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// Writes lines to standard output. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines {
    names: Arc<[String]>,
    coloured: bool,
}

impl Lines {
    /// Lines of these processes, by their numbers.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<String> = names.map(str::to_owned).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let names = names.iter().map(|name| format!("{name:width$} |")).collect();
        Lines { names, coloured: std::io::stdout().is_terminal() }
    }

    /// Writes a line of one.
    pub(super) fn say(&self, number: usize, line: &str) {
        let name = self.names.get(number).map_or("", String::as_str);
        let mut out = std::io::stdout().lock();
        // Who closed our output does not want to hear more.
        let _ = match self.coloured {
            true => writeln!(out, "\u{1b}[{}m{name}\u{1b}[0m {line}", COLOURS[number % COLOURS.len()]),
            false => writeln!(out, "{name} {line}"),
        };
    }
}
