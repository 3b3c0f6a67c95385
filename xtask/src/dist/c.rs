//! `dist/c`: what a C program needs, laid out as an installation prefix: `include/`, `lib/`, `lib/pkgconfig/`.

use std::fs;

use anyhow::ensure;

use super::{Profile, fresh};
use crate::step::{command, installed, root};

/// Whatever of these the platform has: a shared library, a static one.
const LIBRARIES: &[&str] = &[
    "libetcdkit_ffi.so",
    "libetcdkit_ffi.dylib",
    "etcdkit_ffi.dll",
    "etcdkit_ffi.dll.lib",
    "libetcdkit_ffi.a",
];

pub(super) fn make(profile: Profile) -> anyhow::Result<()> {
    let prefix = fresh("c")?;
    let (include, lib) = (prefix.join("include"), prefix.join("lib"));
    fs::create_dir_all(lib.join("pkgconfig"))?;
    fs::create_dir_all(&include)?;
    for header in fs::read_dir(root().join("bindings/c/include"))? {
        let header = header?;
        fs::copy(header.path(), include.join(header.file_name()))?;
    }
    fs::copy(root().join("proto/bridge/bridge.proto"), include.join("bridge.proto"))?;
    fs::copy(root().join("bindings/c/README.md"), prefix.join("README.md"))?;
    let mut found = 0;
    for library in LIBRARIES.iter().filter(|library| profile.folder().join(library).exists()) {
        fs::copy(profile.folder().join(library), lib.join(library))?;
        found += 1;
    }
    ensure!(found >= 2, "{} has not both libraries", profile.folder().display());
    let template = fs::read_to_string(root().join("bindings/c/etcdkit.pc.in"))?;
    fs::write(lib.join("pkgconfig/etcdkit.pc"), template.replace("@VERSION@", env!("CARGO_PKG_VERSION")))?;
    try_out()
}

/// Builds and runs the first program in an empty folder, with what `dist/c` has.
fn try_out() -> anyhow::Result<()> {
    if !installed("cc") || !installed("pkg-config") {
        eprintln!("no C compiler or no pkg-config: dist/c is not tried out");
        return Ok(());
    }
    let (folder, lib) = (tempfile::tempdir()?, root().join("dist/c/lib"));
    let flags = command("pkg-config --cflags --libs etcdkit")
        .env("PKG_CONFIG_PATH", lib.join("pkgconfig"))
        .output()?;
    ensure!(flags.status.success(), "pkg-config: {}", String::from_utf8_lossy(&flags.stderr));
    let program = folder.path().join("first");
    let built = command("cc examples/c/first.c -o")
        .arg(&program)
        .args(String::from_utf8(flags.stdout)?.split_whitespace())
        .status()?;
    ensure!(built.success(), "the first program does not build with what dist/c has");
    let ran = std::process::Command::new(&program).env("LD_LIBRARY_PATH", &lib).status()?;
    ensure!(ran.success(), "the first program does not run with what dist/c has");
    Ok(())
}
