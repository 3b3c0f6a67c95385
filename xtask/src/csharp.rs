//! The C# SDK: built by `dotnet` into `target/dotnet`, tested against the native library of the workspace, and
//! packed into `dist/nuget`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::step::{Steps, command, installed, root, succeed};

/// Starts the guided tour.
pub(crate) const TOUR: &str = "dotnet target/dotnet/bin/EtcdKit.Tour/release_net10.0/EtcdKit.Tour.dll";

/// The same as Mono runs it: built for .NET Framework.
const TOUR_UNDER_MONO: &str = "mono target/dotnet/bin/EtcdKit.Tour/release_netstandard2.0/EtcdKit.Tour.dll";

const TOUR_PROJECT: &str = "examples/csharp/EtcdKit.Tour.csproj";
const SOLUTION: &str = "bindings/csharp/EtcdKit.slnx";
const PACKAGES: [&str; 2] =
    ["bindings/csharp/src/EtcdKit", "bindings/csharp/src/EtcdKit.DependencyInjection"];

/// Whether the SDK can be built here.
pub(crate) fn present() -> bool {
    installed("dotnet")
}

/// Builds the tour, with as much of the SDK as it needs; the native library is looked for when it runs.
pub(crate) fn build_tour() -> anyhow::Result<()> {
    succeed(&format!("dotnet build {TOUR_PROJECT} -c Release -f net10.0 --nologo -v quiet"))
}

/// Builds the SDK with everything that uses it. How the sources are written and formatted is checked by the compiler.
pub(crate) fn build(steps: &mut Steps) {
    if !present() {
        steps.skip("csharp: build", "dotnet is not installed");
        return;
    }
    steps.run("csharp: build", &format!("dotnet build {SOLUTION} -c Release --nologo -v quiet"));
}

/// What CI runs on the SDK that [`build`] made, with the native library of the workspace's build.
pub(crate) fn steps(steps: &mut Steps) {
    if !present() {
        return;
    }
    steps.step("csharp: tests", || {
        with_library(
            "dotnet test bindings/csharp/tests/EtcdKit.Tests -c Release --no-build --nologo -v quiet",
        )
    });
    if installed("mono") {
        steps.step("csharp: the tour under Mono", tour_under_mono);
    } else {
        steps.leave_out("csharp: the tour under Mono", "mono is not installed");
    }
}

/// Mono sees what .NET sees, and ends.
fn tour_under_mono() -> anyhow::Result<()> {
    let (mono, dotnet) = (output(TOUR_UNDER_MONO)?, output(TOUR)?);
    ensure!(mono == dotnet, "the tour saw\n{mono}under Mono, and\n{dotnet}under .NET");
    Ok(())
}

/// Writes `dist/nuget`, with the native library from the folder where cargo has put it.
pub(crate) fn pack(built: &Path) -> anyhow::Result<()> {
    let natives = root().join("target/dotnet/natives");
    let folder = natives.join(platform());
    std::fs::create_dir_all(&folder)?;
    let library = library();
    let built = built.join(&library);
    std::fs::copy(&built, folder.join(&library))
        .with_context(|| format!("{} is built by `cargo xtask dist`", built.display()))?;
    let out = root().join("dist/nuget");
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    for package in PACKAGES {
        let line = format!("dotnet pack {package} -c Release --nologo -v quiet -o {}", out.display());
        let status = command(&line).arg(format!("-p:EtcdKitNative={}", natives.display())).status()?;
        if !status.success() {
            bail!("`{line}` ended with {status}");
        }
    }
    Ok(())
}

/// A command whose program finds the native library, and our server, in the workspace's build.
fn beside_library(line: &str) -> Command {
    let built = root().join("target/debug");
    let mut program = command(line);
    program.env("ETCDKIT_NATIVE", &built).env("ETCDKIT", built.join("etcdkit"));
    program
}

/// What a program prints that ends well.
fn output(line: &str) -> anyhow::Result<String> {
    let done = beside_library(line).stderr(Stdio::inherit()).output();
    let done = done.with_context(|| format!("cannot start `{line}`"))?;
    ensure!(done.status.success(), "`{line}` ended with {}", done.status);
    Ok(String::from_utf8(done.stdout)?)
}

fn with_library(line: &str) -> anyhow::Result<()> {
    let status = beside_library(line).status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// File name of the native library.
fn library() -> String {
    format!("{}etcdkit_ffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// What this platform is called in packages of .NET.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "osx",
        "windows" => "win",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let libc = if cfg!(target_env = "musl") { "-musl" } else { "" };
    format!("{system}{libc}-{processor}")
}
