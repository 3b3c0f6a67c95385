//! `dist/bin`: one binary, and the names under which it behaves as etcd's programs.

use std::path::Path;

use super::{Profile, fresh};

const PROGRAMS: &[&str] = &["etcd", "etcdctl", "etcdutl"];

pub(super) fn make(profile: Profile) -> anyhow::Result<()> {
    let bin = fresh("bin")?;
    let name = format!("etcdkit{}", std::env::consts::EXE_SUFFIX);
    std::fs::copy(profile.folder().join(&name), bin.join(&name))?;
    for program in PROGRAMS {
        link(&name, &bin.join(program).with_extension(std::env::consts::EXE_EXTENSION))?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &str, name: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, name)
}

/// Symbolic links need a privilege on Windows, so the name is a copy there.
#[cfg(windows)]
fn link(target: &str, name: &Path) -> std::io::Result<()> {
    std::fs::copy(name.with_file_name(target), name).map(drop)
}
