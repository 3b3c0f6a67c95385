//! Published clients of other makers, which tests and benchmarks run beside ours: python-etcd3 in an environment of
//! its own below `target/`, microsoft/etcd3 beside the driver that uses it.

use crate::step::{Steps, command, installed, root, succeed};

/// The Python that has python-etcd3.
pub(crate) const PYTHON: &str = "target/peers/python/bin/python";
const PYTHON_REQUIREMENTS: &str = "spec/peers/python/requirements.txt";

/// A Python that has the compiler of Protocol Buffers, and the program that starts it.
const PROTOC_ENVIRONMENT: &str = "target/peers/protoc";
const PROTOC_PACKAGE: &str = "grpcio-tools==1.85.1";

/// The programs of the benchmark in Rust, a crate of their own: etcd-client is no dependency of ours.
pub(crate) const RUST_BENCH: &str = "benches/sdk/rust/Cargo.toml";

/// Installs them.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    install(&mut steps);
    steps.finish()
}

/// The steps that install them.
pub(crate) fn install(steps: &mut Steps) {
    if installed("python3") {
        steps.step("peers: python-etcd3", python);
    } else {
        steps.skip("peers: python-etcd3", "python3 is not installed");
    }
    if installed("npm") {
        steps.run("peers: microsoft/etcd3", "npm install --no-save --silent --prefix spec/peers/node");
    } else {
        steps.skip("peers: microsoft/etcd3", "npm is not installed");
    }
}

fn python() -> anyhow::Result<()> {
    let wanted = std::fs::read_to_string(root().join(PYTHON_REQUIREMENTS))?;
    let stamp = root().join("target/peers/python/requirements-installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    succeed("python3 -m venv target/peers/python")?;
    succeed(&format!("{PYTHON} -m pip install --quiet --requirement {PYTHON_REQUIREMENTS}"))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// Builds [`RUST_BENCH`] into `target/bench-sdk/release`. The crate etcd-client asks for protoc, which is
/// taken from a Python package, so that nobody has to install it.
pub(crate) fn rust_bench() -> anyhow::Result<()> {
    let programs = root().join(PROTOC_ENVIRONMENT).join("bin");
    let (protoc, python) = (programs.join("protoc"), programs.join("python"));
    if !protoc.exists() {
        succeed(&format!("python3 -m venv {PROTOC_ENVIRONMENT}"))?;
        succeed(&format!("{} -m pip install --quiet {PROTOC_PACKAGE}", python.display()))?;
    }
    // Each time: another checkout, which is gone, may have made the one that is there.
    std::fs::write(&protoc, format!("#!/bin/sh\nexec {} -m grpc_tools.protoc \"$@\"\n", python.display()))?;
    succeed(&format!("chmod +x {}", protoc.display()))?;
    let line = format!("cargo build --quiet --release --locked --manifest-path {RUST_BENCH}");
    let mut build = command(&format!("{line} --target-dir target/bench-sdk"));
    let status = build.env("PROTOC", protoc).status()?;
    anyhow::ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}
