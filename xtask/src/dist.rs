//! The packages users install.

use crate::step::{Steps, root};
use crate::{csharp, python};

/// Builds `dist/bin` and `dist/python`.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.run("build the binary", "cargo build --profile dist --locked --bin etcdkit");
    steps.step("dist/bin", binaries);
    steps.step("dist/python", python::install);
    if csharp::present() {
        steps.run("build the native library", "cargo build --profile dist --locked -p etcdkit-ffi");
        steps.step("dist/nuget", csharp::pack);
    } else {
        steps.skip("dist/nuget", "dotnet is not installed");
    }
    steps.finish()
}

/// One binary, and the names under which it behaves as etcd's programs.
fn binaries() -> anyhow::Result<()> {
    let bin = root().join("dist/bin");
    if bin.exists() {
        std::fs::remove_dir_all(&bin)?;
    }
    std::fs::create_dir_all(&bin)?;
    std::fs::copy(root().join("target/dist/etcdkit"), bin.join("etcdkit"))?;
    for name in ["etcd", "etcdctl"] {
        link("etcdkit", &bin.join(name))?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &str, name: &std::path::Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, name)
}

/// Symbolic links need a privilege on Windows, so the name is a copy there.
#[cfg(windows)]
fn link(target: &str, name: &std::path::Path) -> std::io::Result<()> {
    std::fs::copy(name.with_file_name(target), name).map(drop)
}
