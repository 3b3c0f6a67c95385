//! Everything CI runs, as steps.

use crate::dist::Profile;
use crate::step::{Steps, command, installed};
use crate::{c, check, consumers, csharp, demo, dist, generate, go, java, node, peers, python};

const SPEC: &str = "target/debug/etcdkit-spec";
const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// Runs every step, or those whose name contains `only`.
pub(crate) fn run(only: Option<&str>) -> anyhow::Result<()> {
    let mut steps = Steps::new(only);
    // The compiler's last crates wait for each other and leave processors idle.
    steps.beside(build_beside, |steps| {
        lint(steps);
        windows(steps);
        steps.run("rust: build", &format!("{} --all-targets", dist::native(Profile::Dev)));
    });
    steps.run(
        "rust: unit, property and server tests",
        "cargo test --workspace --features etcdkit-features/tests --locked --quiet --no-fail-fast",
    );
    dist::build(&mut steps, Profile::Dev);
    c::steps(&mut steps);
    python_steps(&mut steps);
    csharp::steps(&mut steps);
    node::tests(&mut steps);
    go::steps(&mut steps);
    java::steps(&mut steps);
    spec(&mut steps);
    consumers::steps_of(&mut steps);
    steps.step("demo: the tour in every language", || demo::show(None));
    steps.finish()
}

/// What needs none of our libraries to be fetched, built and checked.
fn build_beside(steps: &mut Steps) {
    oracle(steps);
    peers::install(steps);
    python::prepare(steps);
    csharp::build(steps);
    node::build(steps);
    node::lint(steps);
    java::compile_classes(steps);
    java::lint(steps);
}

/// Formatting, lints and the rules of the tree.
pub(crate) fn run_lint() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    lint(&mut steps);
    steps.finish()
}

/// Builds the real etcd.
pub(crate) fn run_oracle() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    oracle(&mut steps);
    steps.finish()
}

fn lint(steps: &mut Steps) {
    steps.run("lint: format", "cargo fmt --all --check");
    steps.run("lint: clippy", "cargo clippy --workspace --all-targets --locked --quiet -- -D warnings");
    steps.step("lint: rules of the tree", check::run);
    steps.step("lint: generated files", || generate::run(true));
    // It is no member of the workspace, so nothing else sees that its lock file is behind the core's dependencies.
    steps.run(
        "lint: lock file of the Rust clients compared",
        &format!("cargo fetch --quiet --locked --manifest-path {}", peers::RUST_BENCH),
    );
}

/// Checks that the product compiles for Windows, where rustup can add the target.
fn windows(steps: &mut Steps) {
    let name = "windows: type check";
    let added = installed("rustup")
        && command(&format!("rustup target add {WINDOWS}"))
            .output()
            .is_ok_and(|output| output.status.success());
    if added {
        steps.run(
            name,
            &format!(
                "env {} cargo check --locked --quiet --target {WINDOWS} -p etcdkit-cli -p etcdkit-ffi",
                c_compiler(),
            ),
        );
    } else {
        steps.skip(name, &format!("rustup cannot add the target {WINDOWS}"));
    }
}

/// The cryptography of TLS contains C. A type check links nothing, so this machine's compiler will do for it where
/// there is none for Windows.
fn c_compiler() -> String {
    let cross = "x86_64-w64-mingw32-gcc";
    let (compiler, archiver) = if installed(cross) { (cross, "x86_64-w64-mingw32-ar") } else { ("cc", "ar") };
    let target = WINDOWS.replace('-', "_");
    format!("CC_{target}={compiler} AR_{target}={archiver}")
}

fn oracle(steps: &mut Steps) {
    if !installed("go") {
        steps.skip("oracle: build the real etcd", "go is not installed");
        return;
    }
    for program in ["etcd", "etcdctl", "etcdutl", "gocompat"] {
        steps.run(
            &format!("oracle: build the real {program}"),
            &format!("go build -C spec/oracle -o ../../target/oracle/{program} ./{program}"),
        );
    }
}

fn python_steps(steps: &mut Steps) {
    if !installed("python3") {
        steps.skip("python", "python3 is not installed");
        return;
    }
    steps.run("python: ruff", ".venv/bin/ruff check bindings/python spec examples benches");
    steps.run("python: types", ".venv/bin/mypy --config-file bindings/python/pyproject.toml");
    steps.run(
        "python: tests",
        "env ETCDKIT_TEST_ETCDCTL=target/oracle/etcdctl ETCDKIT_TEST_ETCD=target/oracle/etcd .venv/bin/python -m pytest -q bindings/python/tests",
    );
}

fn spec(steps: &mut Steps) {
    steps.run("spec: every scenario, server and driver", &format!("{SPEC} scenarios --compat COMPAT.md"));
    steps.run("spec: every language contends for one lock", &format!("{SPEC} locks --rounds 200"));
    steps.run("spec: old clients contend too", &format!("{SPEC} locks --rounds 50 --peers"));
    steps.run("spec: programs with Go's clientv3", &format!("{SPEC} gocompat"));
    // The long form: `--seeds 50 --requests 5000`, ten minutes.
    steps.run(
        "spec: differential against etcd, every kind of request",
        &format!("{SPEC} differential --seeds 12 --requests 1500"),
    );
    steps.run("spec: secrets and floods", &format!("{SPEC} security --seconds 2"));
    steps.run("spec: HTTP against etcd", &format!("{SPEC} http"));
    steps.run("spec: authorization matrix", &format!("{SPEC} authorization --cases 50000"));
    steps.run(
        "spec: the judge of the matrix, on etcd",
        &format!("{SPEC} authorization --server oracle --cases 5000"),
    );
    steps.run("spec: robustness of a cluster", &format!("{SPEC} robustness --runs 24"));
    steps.run("spec: connections cut at every byte", &format!("{SPEC} cuts --writes 10000"));
    // `--writers 200` and all drivers take a quarter of a minute each.
    steps.run("spec: rolling restart", &format!("{SPEC} rolling --writers 50 --drivers rust,python,node"));
    steps.run("spec: kill -9, redb", &format!("{SPEC} kill --engine redb --cycles 100"));
    steps.run("spec: kill -9, sled", &format!("{SPEC} kill --engine sled --cycles 30"));
}
