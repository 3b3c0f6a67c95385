//! Colours, for a person at a terminal only: what is piped or saved must be the same bytes as ever.

use std::fmt;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};

const KEY: Style = AnsiColor::Cyan.on_default().bold();
const PUT: Style = AnsiColor::Green.on_default();
const DELETE: Style = AnsiColor::Red.on_default();
const HEADING: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Put,
    Delete,
    Heading,
    /// What is beside the point, such as the lines of a tree.
    Faint,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// No colours.
    pub(crate) const OFF: Paint = Paint { on: false };

    #[cfg(test)]
    pub(crate) const ON: Paint = Paint { on: true };

    /// Colours if stdout is a terminal that has them, and neither the user nor `NO_COLOR` refuses them.
    pub(crate) fn for_stdout(refused: bool) -> Self {
        let refused = refused || anstyle_query::no_color() || !std::io::stdout().is_terminal();
        Paint { on: !refused && terminal_has_colours() }
    }

    /// The text in the colour of what it is.
    pub(crate) fn bytes(self, part: Part, text: &[u8]) -> Vec<u8> {
        if !self.on || text.is_empty() {
            return text.to_vec();
        }
        let style = style(part);
        [style.render().to_string().as_bytes(), text, style.render_reset().to_string().as_bytes()].concat()
    }

    /// As [`Paint::bytes`], for what is text.
    pub(crate) fn text(self, part: Part, text: impl fmt::Display) -> String {
        if !self.on {
            return text.to_string();
        }
        let style = style(part);
        format!("{style}{text}{style:#}")
    }
}

fn style(part: Part) -> Style {
    match part {
        Part::Key => KEY,
        Part::Put => PUT,
        Part::Delete => DELETE,
        Part::Heading => HEADING,
        Part::Faint => FAINT,
    }
}

fn terminal_has_colours() -> bool {
    // The console of Windows has to be told; older ones cannot be.
    #[cfg(windows)]
    return anstyle_query::windows::enable_ansi_colors().unwrap_or(false);
    #[cfg(not(windows))]
    anstyle_query::term_supports_color()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_the_bytes_stay_as_they_are() {
        assert_eq!(Paint::OFF.bytes(Part::Key, b"a\xff"), b"a\xff");
        assert_eq!(Paint::OFF.text(Part::Put, "PUT"), "PUT");
    }

    #[test]
    fn colours_end_where_the_text_ends() {
        assert_eq!(Paint::ON.bytes(Part::Key, b"a"), b"\x1b[1m\x1b[36ma\x1b[0m");
        assert_eq!(Paint::ON.text(Part::Delete, "DELETE"), "\x1b[31mDELETE\x1b[0m");
        assert_eq!(Paint::ON.bytes(Part::Key, b""), b"");
    }
}
