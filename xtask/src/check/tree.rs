//! The files under version control.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::step;

/// Every text file of the repository.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// One file.
pub(crate) struct File {
    /// Relative to the root of the repository, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let root = step::root();
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .context("cannot run git")?;
        ensure!(listing.status.success(), "git ls-files failed: is this a checkout?");
        let mut files = Vec::new();
        for path in String::from_utf8(listing.stdout)?.split_terminator('\0') {
            // A binary file or one deleted but not yet committed has no text to check.
            if let Ok(text) = std::fs::read_to_string(root.join(PathBuf::from(path))) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        ensure!(!files.is_empty(), "git lists no files");
        Ok(Self { files })
    }

    /// Rust sources.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl File {
    /// Numbered lines before the unit tests, without comments: what is compiled into the product.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]")
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}
