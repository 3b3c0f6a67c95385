//! `tree`: keys as the folders that their slashes suggest. A command of etcdkit, not of etcdctl.

use std::collections::BTreeMap;

use etcdkit::{GetOptions, SortOrder, SortTarget};

use super::session::{Call, failed};
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Word;
use crate::console::paint::{Paint, Part};
use crate::console::print_bytes;
use crate::console::tree::Command;

/// Keys read with one request.
const PAGE_KEYS: i64 = 1000;

pub(super) const COMMAND: Command = Command {
    name: "tree",
    arguments: "[prefix]",
    summary: "Shows keys as a tree",
    details: "Shows the keys that begin with a prefix, all keys without one, as the tree that the slashes in them make.",
    examples: &["$0 tree /registry/"],
    hidden: true,
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

/// What is below a folder, by name.
#[derive(Default)]
struct Folder {
    entries: BTreeMap<Vec<u8>, Folder>,
}

impl Folder {
    fn insert(&mut self, key: &[u8]) {
        let mut folder = self;
        for name in key.split_inclusive(|byte| *byte == b'/') {
            folder = folder.entries.entry(name.to_vec()).or_default();
        }
    }

    fn draw(&self, indent: &str, paint: Paint, out: &mut Vec<u8>) {
        let last = self.entries.len().saturating_sub(1);
        for (at, (name, below)) in self.entries.iter().enumerate() {
            let (branch, next) = if at == last { ("└── ", "    ") } else { ("├── ", "│   ") };
            let lines = paint.text(Part::Faint, format_args!("{indent}{branch}"));
            let part = if name.ends_with(b"/") { Part::Heading } else { Part::Key };
            out.extend_from_slice(&[lines.as_bytes(), &paint.bytes(part, name), b"\n"].concat());
            below.draw(&format!("{indent}{next}"), paint, out);
        }
    }
}

async fn run(call: Call) -> Outcome {
    let prefix = match call.words.as_slice() {
        [] => Word::new(),
        [prefix] => prefix.clone(),
        _ => return Err(Failure::bad_args("tree takes one prefix at most")),
    };
    let session = call.open()?;
    let client = session.client().await?;
    let end = etcdkit_proto::key_range::prefix_end(&prefix);
    let mut next = if prefix.is_empty() { vec![0] } else { prefix.clone() };
    let (mut root, mut count, mut revision) = (Folder::default(), 0, 0);
    loop {
        let options = GetOptions::new()
            .with_range(end.clone())
            .with_limit(PAGE_KEYS)
            .with_revision(revision)
            .with_sort(SortTarget::Key, SortOrder::Ascend)
            .with_keys_only();
        let page = client.get(next, Some(options)).await.map_err(failed)?;
        revision =
            page.header().map_or(revision, |header| if revision == 0 { header.revision() } else { revision });
        for pair in page.kvs() {
            root.insert(pair.key().strip_prefix(prefix.as_slice()).unwrap_or_default());
            count += 1;
        }
        match page.kvs().last().filter(|_| page.more()) {
            Some(last) => next = [last.key(), b"\0"].concat(),
            None => break,
        }
    }
    let title = if prefix.is_empty() { b".".to_vec() } else { prefix };
    let mut out = [title.as_slice(), b"\n"].concat();
    root.draw("", session.printer.look.paint, &mut out);
    out.extend_from_slice(format!("\n{count} keys\n").as_bytes());
    print_bytes(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_make_folders() {
        let mut root = Folder::default();
        for key in ["a/b", "a/c/d", "a", "e"] {
            root.insert(key.as_bytes());
        }
        let mut out = Vec::new();
        root.draw("", Paint::OFF, &mut out);
        let expected = "├── a\n├── a/\n│   ├── b\n│   └── c/\n│       └── d\n└── e\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
