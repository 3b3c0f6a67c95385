//! The C library: its example, and the tests of the boundary that every other language stands on.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::dist::{self, Profile};
use crate::step::{Steps, command, installed, root, succeed};

const INCLUDE: &str = "bindings/c/include";
const HEADER: &str = "bindings/c/include/etcdkit.h";
/// The library of the workspace.
const BUILT: &str = "target/debug";
/// What users get, and what is measured.
const SHIPPED: &str = "target/dist";
/// A library that panics on demand.
const PANICKING: &str = "target/c/panicking";
/// Where the programs are built.
const OUT: &str = "target/c";
const WARNINGS: &str = "-std=c11 -Wall -Wextra -Werror -D_GNU_SOURCE";
/// What a static Rust library needs of the system.
const SYSTEM_LIBRARIES: &str = "-lpthread -ldl -lm";
/// Allocations of the library go through the sanitizer's allocator too, though its code is not instrumented.
const SANITIZED: &str = "-O1 -g -fsanitize=address -fno-omit-frame-pointer";

/// The steps of CI.
pub(crate) fn steps(steps: &mut Steps) {
    if !installed("cc") {
        steps.skip("c", "no C compiler is installed");
        return;
    }
    steps.step("c: build a library that panics on demand", panicking);
    steps.step("c: exports are what the header declares", exports);
    steps.step("c: example, shared and static", || example().and_then(|()| run(&["first-static"])));
    steps.step("c: panics stay inside", || {
        build_test("panic", PANICKING, "").and_then(|()| run(&["panic", HEADER]))
    });
    let (calls, clients, watches, forks) =
        match std::env::var_os("ETCDKIT_TEST_FULL").is_some_and(|full| full == "1") {
            true => ("1000000", "100000", "10000", "100"),
            false => ("200000", "20000", "2000", "20"),
        };
    steps.step("c: random calls under AddressSanitizer and LeakSanitizer", || {
        build_test("stress", PANICKING, SANITIZED)?;
        run(&["stress", calls])?;
        run(&["stress", calls, "driving"])
    });
    if !cfg!(target_os = "linux") {
        steps.skip("c: leaks, signals, callbacks", "these tests read /proc");
        return;
    }
    steps.step("c: opening and closing leaks nothing", || {
        build_test("open_close", BUILT, "-O2")?;
        run(&["open_close", clients, watches])
    });
    steps.step("c: signals are the host's", || {
        cc(&format!("-O1 -I{INCLUDE} bindings/c/tests/signals.c -o {OUT}/signals -ldl"))?;
        run(&["signals", &format!("{BUILT}/libetcdkit_ffi.so")])
    });
    steps.step("c: forked children have a library of their own", || {
        build_test("fork", BUILT, "-O1 -g")?;
        run(&["fork", forks])?;
        run(&["fork", forks, "driving"])
    });
    steps.step("c: callbacks may call and take their time", || {
        build_test("callbacks", BUILT, "-O1 -g")?;
        run(&["callbacks"])
    });
}

/// Builds the example with the shared and the static library, and runs the shared one.
pub(crate) fn example() -> anyhow::Result<()> {
    let source = format!("-O2 -I{INCLUDE} examples/c/first.c");
    cc(&format!("{source} -o {OUT}/first {}", linked(BUILT)))?;
    cc(&format!("{source} -o {OUT}/first-static {BUILT}/libetcdkit_ffi.a {SYSTEM_LIBRARIES}"))?;
    run(&["first"])
}

/// Measures what a call costs that does nothing, for `docs/boundary.md`.
pub(crate) fn bench() -> anyhow::Result<()> {
    cc(&format!("-O2 -I{INCLUDE} bindings/c/bench/echo.c -o {OUT}/echo {}", linked(SHIPPED)))?;
    run(&["echo"])?;
    run(&["echo", "driving"])
}

/// Builds the library that panics on demand where the ordinary one is built, takes it away and puts that one back.
fn panicking() -> anyhow::Result<()> {
    succeed("cargo build --locked --quiet -p etcdkit-ffi --features panic-injection")?;
    fs::create_dir_all(root().join(PANICKING))?;
    let name = format!("libetcdkit_ffi{}", std::env::consts::DLL_SUFFIX);
    fs::copy(root().join(BUILT).join(&name), root().join(PANICKING).join(&name))?;
    succeed(&dist::native(Profile::Dev))
}

/// Every function of the header is exported, and nothing else is.
fn exports() -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") || !installed("nm") {
        return Ok(());
    }
    let header = fs::read_to_string(root().join(HEADER))?;
    let name = regex::Regex::new(r"(?m)^[a-z][\w \*]*\b(etcdkit_\w+)\(")?;
    let declared: BTreeSet<String> = name.captures_iter(&header).map(|found| found[1].to_owned()).collect();
    let output = command(&format!("nm -D --defined-only {BUILT}/libetcdkit_ffi.so")).output()?;
    ensure!(output.status.success(), "nm: {}", String::from_utf8_lossy(&output.stderr));
    let symbols = String::from_utf8(output.stdout)?;
    let exported: BTreeSet<String> =
        symbols.lines().filter_map(|line| Some(line.split_whitespace().nth(2)?.to_owned())).collect();
    ensure!(
        declared == exported,
        "the header declares {:?} more, the library exports {:?} more",
        declared.difference(&exported).collect::<Vec<_>>(),
        exported.difference(&declared).collect::<Vec<_>>()
    );
    Ok(())
}

fn build_test(name: &str, library: &str, options: &str) -> anyhow::Result<()> {
    let source = format!("bindings/c/tests/{name}.c");
    cc(&format!("{options} -I{INCLUDE} {source} -o {OUT}/{name} {}", linked(library)))
}

/// Options that link the shared library of a folder, and find it there when the program runs.
fn linked(library: &str) -> String {
    format!("-L{library} -letcdkit_ffi -lpthread -Wl,-rpath,{}", root().join(library).display())
}

fn cc(line: &str) -> anyhow::Result<()> {
    fs::create_dir_all(root().join(OUT))?;
    let line = format!("cc {WARNINGS} {line}");
    let status = command(&line).status().context("cannot start the C compiler")?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs a program that was built here.
fn run(arguments: &[&str]) -> anyhow::Result<()> {
    let program = root().join(OUT).join(arguments[0]);
    // A panic on demand needs no trace.
    let status = Command::new(&program)
        .args(&arguments[1..])
        .current_dir(root())
        .env("RUST_BACKTRACE", "0")
        // Cargo's search path leads to the ordinary library, before that of the program.
        .env_remove("LD_LIBRARY_PATH")
        .env("ASAN_OPTIONS", "detect_leaks=1")
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !status.success() {
        bail!("{} ended with {status}", arguments.join(" "));
    }
    Ok(())
}
