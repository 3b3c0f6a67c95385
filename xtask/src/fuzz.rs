//! `make fuzz`: the readers of strangers' bytes, each for a minute.
//!
//! Where there is nightly Rust, libFuzzer looks for inputs that reach new code; cargo-fuzz, which drives it, is installed
//! into the build folder. What runs anywhere are mutated seeds, which `make test` does for a moment and this for longer.

use crate::step::{Steps, command};

/// Where cargo-fuzz is installed, and which.
const TOOLS: &str = "target/tools";
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// The targets, as `fuzz/Cargo.toml` names them.
const TARGETS: &[&str] = &["wal", "snapshot", "gateway", "requests", "ranges"];

/// Longest input, bytes. Longer ones say nothing new and take longer.
const INPUT_BYTES_MAX: u32 = 16 << 10;

/// Memory a target may take, megabytes; the server in it is one of them.
const MEMORY_MB_MAX: u32 = 2048;

/// A server lives through all inputs. The check takes a buffer that its connection has read to the end for lost, for then
/// the pointer stands behind the allocation.
const NO_LEAK_CHECK: &str = "-detect_leaks=0";

/// Runs each target for so many seconds.
pub(crate) fn run(seconds: u32) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let has_nightly =
        command("rustup run nightly rustc --version").output().is_ok_and(|output| output.status.success());
    if has_nightly {
        steps.run(
            "fuzz: install cargo-fuzz",
            &format!(
                "cargo install --quiet --locked --root {TOOLS} --version {CARGO_FUZZ_VERSION} cargo-fuzz"
            ),
        );
    }
    for target in TARGETS {
        let name = format!("fuzz: {target}, by coverage");
        if has_nightly {
            steps.run(
                &name,
                &format!(
                    "env CARGO_TARGET_DIR=target/fuzz rustup run nightly {TOOLS}/bin/cargo-fuzz run {target} -- -max_total_time={seconds} -max_len={INPUT_BYTES_MAX} \
                     -rss_limit_mb={MEMORY_MB_MAX} {NO_LEAK_CHECK}"
                ),
            );
        } else {
            steps.skip(&name, "it needs nightly Rust: `rustup toolchain install nightly`");
        }
    }
    steps.run(
        "fuzz: mutated seeds",
        &format!(
            "env ETCDKIT_FUZZ_SECONDS={seconds} cargo test --locked --quiet -p etcdkit-fuzz-targets -- --nocapture --test-threads=1"
        ),
    );
    steps.finish()
}
