//! What must not appear in the text of the repository.

use regex::Regex;

use super::tree::Tree;

/// A file longer than this is more than one noun.
const LINES_MAX: usize = 900;

/// Crates that speak to another language and so may need `unsafe`.
const FFI: &[&str] = &["bindings/"];

pub(crate) fn check(tree: &Tree) -> anyhow::Result<Vec<String>> {
    // Split so that this file does not contain what it looks for.
    let places = Regex::new(&[r"(^|[\s'=(`", "\"])/(wo", "rk|ro", "ot|ho", "me)/"].concat())?;
    let hosts = Regex::new(
        &[
            "(static|index)\\.crat",
            "es\\.io|registry\\.npm",
            "js|files\\.python",
            "hosted|repo1\\.mav",
            "en|proxy\\.gol",
            "ang",
        ]
        .concat(),
    )?;
    let unsafe_code = Regex::new(r"\bunsafe\s*(\{|fn|impl|extern)|allow\(unsafe_code\)")?;
    let mut problems = Vec::new();
    for file in &tree.files {
        if generated(&file.path) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, index + 1);
            if places.is_match(line) {
                problems.push(format!("{place}: name no path of a machine"));
            }
            if hosts.is_match(line) {
                problems.push(format!("{place}: name no host of a package registry"));
            }
            if file.path.ends_with(".rs")
                && unsafe_code.is_match(line)
                && !FFI.iter().any(|folder| file.path.starts_with(folder))
                && !file.path.starts_with("xtask/")
            {
                problems.push(format!("{place}: unsafe code belongs into the FFI crates"));
            }
        }
        let lines = file.text.lines().count();
        if file.path.ends_with(".rs") && lines > LINES_MAX {
            problems.push(format!("{}: {lines} lines: is it one noun?", file.path));
        }
    }
    Ok(problems)
}

/// Files written by a tool, whose text is not ours to choose.
fn generated(path: &str) -> bool {
    path.ends_with("Cargo.lock") || path.ends_with("go.sum") || path.ends_with("package-lock.json")
}
