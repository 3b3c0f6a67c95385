//! The packages of the Node SDK's folder, and what is built into it: TypeScript to JavaScript, beside the native library
//! that cargo builds.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::step::{Steps, command, installed, root, up_to_date};

/// Where the SDK is.
const FOLDER: &str = "bindings/node";
/// The guided tour in Node, and in Bun as the package registry has it.
pub(crate) const TOUR: &str = "node examples/node/tour.mjs";
pub(crate) const TOUR_IN_BUN: &str = "bindings/node/node_modules/.bin/bun examples/node/tour.mjs";

/// Whether the SDK has been built.
pub(crate) fn present() -> bool {
    missing().is_none() && root().join(FOLDER).join("lib/index.mjs").exists()
}

/// Fetches the pinned tools, unless they are there, and builds the SDK around the native library, which may be built later.
pub(crate) fn install() -> anyhow::Result<()> {
    fetch()?;
    let folder = root().join(FOLDER);
    let inputs = ["package-lock.json", "src", "tools", "tsconfig.build.json", "tsconfig.json"];
    // Written last. The compiler takes seconds to find out that there is nothing to do.
    if !up_to_date(&folder.join("lib/index.d.mts"), &inputs.map(|input| folder.join(input)))? {
        npm("run --silent build")?;
    }
    link()
}

/// Downloads the pinned tools, unless they are there.
pub(crate) fn fetch() -> anyhow::Result<()> {
    let folder = root().join(FOLDER);
    let wanted = std::fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.lock-installed.json");
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        // Not `npm ci`: it fails for optional packages of other platforms that a registry does not have.
        npm("install --no-save --no-audit --no-fund --loglevel=error")?;
        std::fs::write(stamp, wanted)?;
    }
    Ok(())
}

/// Lets the programs of the repository import the SDK by its name.
fn link() -> anyhow::Result<()> {
    let modules = root().join("node_modules");
    std::fs::create_dir_all(&modules)?;
    let name = modules.join("etcdkit");
    if name.symlink_metadata().is_ok() {
        return Ok(());
    }
    directory_link(&root().join(FOLDER), &name).with_context(|| name.display().to_string())
}

#[cfg(unix)]
fn directory_link(target: &Path, name: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, name)
}

#[cfg(windows)]
fn directory_link(target: &Path, name: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(target, name)
}

/// Why the SDK cannot be built on this machine, if it cannot.
pub(crate) fn missing() -> Option<&'static str> {
    match (installed("node"), installed("npm")) {
        (true, true) => None,
        (false, _) => Some("node is not installed"),
        (_, false) => Some("npm is not installed"),
    }
}

/// Makes the packages of this platform in `dist/node`, of the library that cargo has put into the folder.
pub(crate) fn package(built: &Path) -> anyhow::Result<()> {
    install()?;
    let dist = root().join("dist/node");
    if dist.exists() {
        std::fs::remove_dir_all(&dist)?;
    }
    let name = format!("{}etcdkit_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let line = format!("node {FOLDER}/tools/pack.mjs {} {}", built.join(name).display(), dist.display());
    let status = command(&line).status()?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Fetches the tools and builds what needs no native library.
pub(crate) fn build(steps: &mut Steps) {
    match missing() {
        None => steps.step("node: fetch the tools and build", install),
        Some(why) => steps.skip("node", why),
    }
}

/// Checks how the sources are written, with the tools that [`build`] has fetched.
pub(crate) fn lint(steps: &mut Steps) {
    if missing().is_some() {
        return;
    }
    steps.step("node: biome", || npm("run --silent lint"));
    steps.step("node: types", || npm("run --silent types"));
    steps.step("node: documentation", || npm("run --silent docs"));
}

/// The tests, with the native library of the workspace's build.
pub(crate) fn tests(steps: &mut Steps) {
    if missing().is_some() {
        return;
    }
    steps.step("node: declarations fit the contract", || npm("run --silent generate -- --check"));
    steps.step("node: tests", || npm("run --silent test"));
    steps.step("bun: tests", || npm("run --silent test:bun"));
}

fn npm(arguments: &str) -> anyhow::Result<()> {
    let line = format!("npm {arguments}");
    let status = command(&line)
        .current_dir(root().join(FOLDER))
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}
