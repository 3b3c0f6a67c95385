//! `etcdkit-features` asks of every dependency what the workspace as a whole, with its tests, asks of it. Where it falls
//! behind, nothing breaks, but everything above that dependency is compiled twice.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The library that is built by itself.
const ALONE: &[&str] = &["-p", "etcdkit-python", "--features", "etcdkit-python/test-features"];

pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let tested = chosen(&["--workspace", "--edges", "normal,dev,no-proc-macro"])?;
    let built = [&["--workspace", "--features", "etcdkit-features/tests"], ALONE];
    let mut alone = BTreeSet::new();
    for packages in built {
        alone.extend(chosen(&[packages, &["--edges", "normal,no-proc-macro"]].concat())?);
    }
    Ok(alone
        .difference(&tested)
        .filter(|line| !line.starts_with("etcdkit"))
        .map(|line| format!("xtask/features/Cargo.toml: the tests build this one with more features: {line}"))
        .collect())
}

/// Every dependency that ends up in what is built, with its version and features.
fn chosen(packages: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p} {f}"])
        .args(packages)
        .current_dir(crate::step::root())
        .output()
        .context("cannot run cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8_lossy(&output.stdout);
    Ok(listed.lines().map(|line| line.trim_end_matches(" (*)").trim_end().to_owned()).collect())
}
