//! `docs/flags.md`, made of the table of flags; a test says when it is out of date.

use std::fmt::Write as _;

use super::{GROUPS, Support};

/// The document is written instead of compared where this is set.
const WRITE: &str = "ETCDKIT_WRITE_DOCS";

fn document() -> String {
    let mut text = "# Flags of the server\n\n\
        Made of the table in `cli/src/server/flags/table.rs`; `ETCDKIT_WRITE_DOCS=1 cargo test -p etcdkit-cli flags` \
        writes it.\n\n\
        Every flag of etcd 3.7 is known, each also as `ETCD_…` in the environment and in the file of `--config-file`, by \
        etcd's rules: a variable beside the flag of the same name is an error, a file stands alone, and its durations are \
        nanoseconds. Names that began with `experimental-` are still understood. `--storage-engine` is ours.\n"
        .to_owned();
    for group in GROUPS {
        let _ = write!(text, "\n## {}\n\n| flag | default | here |\n|---|---|---|\n", group.name);
        for flag in group.flags {
            let here = match flag.support {
                Support::Used => flag.help.to_owned(),
                Support::NoEffect(why) => format!("taken, without effect: {why}"),
                Support::Silent => "taken and ignored, as in etcd".to_owned(),
                Support::Refused(why) => format!("refused: {why}"),
            };
            let default = if flag.default.is_empty() { String::new() } else { format!("`{}`", flag.default) };
            let _ = writeln!(text, "| `--{}` | {default} | {here} |", flag.name);
        }
    }
    text
}

#[test]
fn the_document_of_the_flags_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/flags.md");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path, document()).expect("the document can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == document(), "docs/flags.md is out of date: run this test with {WRITE}=1");
}
