//! `dist/bin`: one binary, and the names under which it behaves as etcd's programs; beside it `dist/man` and
//! `dist/completions`.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use super::{Profile, fresh};

const PROGRAMS: &[&str] = &["etcd", "etcdctl", "etcdutl"];

pub(super) fn make(profile: Profile) -> anyhow::Result<()> {
    let bin = fresh("bin")?;
    let name = format!("etcdkit{}", std::env::consts::EXE_SUFFIX);
    std::fs::copy(profile.folder().join(&name), bin.join(&name))?;
    for program in PROGRAMS {
        link(&name, &bin.join(program).with_extension(std::env::consts::EXE_EXTENSION))?;
    }
    write_pages(&bin)
}

/// Programs with commands, which know their own manual pages and completions.
const WITH_COMMANDS: &[&str] = &["etcdkit", "etcdctl", "etcdutl"];

const SHELLS: &[&str] = &["bash", "zsh", "fish", "powershell"];

fn write_pages(bin: &Path) -> anyhow::Result<()> {
    let (man, completions) = (fresh("man")?, fresh("completions")?);
    for name in WITH_COMMANDS {
        let program = bin.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        let written = Command::new(&program).arg("man").arg(&man).status()?;
        ensure!(written.success(), "{} man failed", program.display());
        for shell in SHELLS {
            let script = Command::new(&program).args(["completion", shell]).output()?;
            ensure!(script.status.success(), "{} completion {shell} failed", program.display());
            std::fs::write(completions.join(format!("{name}.{shell}")), script.stdout)?;
        }
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
