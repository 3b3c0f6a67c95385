//! `dist/go`: the module with its static library inside, which a program uses with
//! `replace github.com/etcdkit/etcdkit/bindings/go => …/dist/go` and a C compiler.

use std::path::Path;

use anyhow::Context as _;

use super::{Profile, files_below, fresh};
use crate::go;
use crate::step::root;

const MODULE: &str = "bindings/go";

pub(super) fn make(profile: Profile) -> anyhow::Result<()> {
    let folder = fresh("go")?;
    let module = root().join(MODULE);
    for file in files_below(&module)?.into_iter().filter(|file| belongs(file)) {
        let inside = file.strip_prefix(&module).context("a file of the module")?;
        copy(&file, &folder.join(inside))?;
    }
    go::place(&profile.folder().join("libetcdkit_ffi.a"), &folder)?;
    copy(&root().join("LICENSE"), &folder.join("LICENSE"))
}

/// Tests stay in the repository, libraries of a development build too.
fn belongs(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    !name.ends_with("_test.go") && !go::is_built(file)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}
