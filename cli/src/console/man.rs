//! Manual pages, made from the table of commands: one for the program and one for each command.

use std::path::Path;

use super::call::{Call, text};
use super::failure::{Failure, Outcome};
use super::flags::Flag;
use super::help;
use super::tree::{self, Command};

/// The command of a program that writes its pages; the program fills in what to run.
pub(crate) const COMMAND: Command = Command {
    name: "man",
    arguments: "<folder>",
    summary: "Writes manual pages",
    details: "Writes a manual page for the program and one for each command into a folder.",
    examples: &["$0 man man/man1"],
    hidden: true,
    ..Command::BLANK
};

/// Writes the pages into the folder that the call names.
pub(crate) fn run(root: &'static Command, call: &Call) -> Outcome {
    let [folder] = call.words.as_slice() else { return Err(Failure::bad_args("man needs one folder")) };
    let folder = text(folder);
    std::fs::create_dir_all(&folder)?;
    let is_shown = |path: &tree::Path| path.iter().all(|command| !command.hidden);
    for path in tree::all_paths(root).into_iter().filter(is_shown) {
        let name = names(&path, "-");
        std::fs::write(Path::new(&folder).join(format!("{name}.1")), page(&path))?;
    }
    Ok(())
}

fn names(path: &[&'static Command], between: &str) -> String {
    let mut names = vec![tree::program()];
    names.extend(path[1..].iter().map(|command| command.name));
    names.join(between).replace(' ', between)
}

fn page(path: &[&'static Command]) -> String {
    let command = path[path.len() - 1];
    let about = if command.details.is_empty() { command.summary } else { command.details };
    let mut page = format!(
        ".TH {} 1\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n{}\n.SH DESCRIPTION\n{}\n",
        names(path, "-").to_uppercase(),
        names(path, "-"),
        escaped(command.summary),
        escaped(&names(path, " ")),
        escaped(if command.commands.is_empty() { command.arguments } else { "[command]" }),
        escaped(about),
    );
    let below: String = command
        .shown()
        .map(|next| format!(".TP\n.B {}\n{}\n", escaped(next.name), escaped(next.summary)))
        .collect();
    push_section(&mut page, "COMMANDS", &below);
    let shared: Vec<Flag> = path.iter().flat_map(|command| command.shared_flags).copied().collect();
    push_section(&mut page, "OPTIONS", &flags(command.flags));
    push_section(&mut page, "SHARED OPTIONS", &flags(&shared));
    let examples: String =
        command.examples.iter().map(|line| format!("{}\n", line.replace("$0", tree::program()))).collect();
    if !examples.is_empty() {
        page.push_str(&format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", escaped(&examples)));
    }
    page
}

fn push_section(page: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        page.push_str(&format!(".SH {title}\n{body}"));
    }
}

fn flags(flags: &[Flag]) -> String {
    flags
        .iter()
        .map(|flag| format!(".TP\n.B {}\n{}\n", escaped(help::flag_name(flag).trim()), escaped(flag.help)))
        .collect()
}

/// A line must not begin as a request, and a dash is a dash.
fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_taken_for_requests() {
        assert_eq!(escaped(".TH x\n--flag\nC:\\"), "\\&.TH x\n\\-\\-flag\nC:\\e");
    }
}
