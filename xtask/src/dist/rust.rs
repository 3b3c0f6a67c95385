//! `dist/rust`: the crates as they would be published, and beside each archive its content, in which crates of ours
//! point at each other by path: a program uses them with `etcdkit = { path = "dist/rust/etcdkit" }`.

use std::path::Path;

use anyhow::Context as _;

use super::fresh;
use crate::step::{command, root, succeed};

/// The crates users take, from the ground up.
const CRATES: &[&str] = &["etcdkit-proto", "etcdkit-link", "etcdkit", "etcdkit-server"];

pub(super) fn make() -> anyhow::Result<()> {
    let folder = fresh("rust")?;
    let packages: String = CRATES.iter().map(|name| format!(" -p {name}")).collect();
    // The consumer test compiles them; the tree need not be committed to be packed.
    succeed(&format!("cargo package --locked --quiet --no-verify --allow-dirty{packages}"))?;
    let version = env!("CARGO_PKG_VERSION");
    for name in CRATES {
        let archive = format!("{name}-{version}.crate");
        std::fs::copy(root().join("target/package").join(&archive), folder.join(&archive))
            .with_context(|| format!("cargo package made no {archive}"))?;
        let unpacked = command("tar xzf").arg(&archive).current_dir(&folder).status()?;
        anyhow::ensure!(unpacked.success(), "tar cannot unpack {archive}");
        std::fs::rename(folder.join(format!("{name}-{version}")), folder.join(name))?;
        point_at_siblings(&folder.join(name).join("Cargo.toml"))?;
    }
    Ok(())
}

/// Adds the path of a sibling to each dependency on it; cargo wrote the version only.
fn point_at_siblings(manifest: &Path) -> anyhow::Result<()> {
    let mut text = std::fs::read_to_string(manifest)?;
    for name in CRATES {
        for section in ["dependencies", "dev-dependencies"] {
            let head = format!("[{section}.{name}]\n");
            text = text.replace(&head, &format!("{head}path = \"../{name}\"\n"));
        }
    }
    std::fs::write(manifest, text)?;
    Ok(())
}
