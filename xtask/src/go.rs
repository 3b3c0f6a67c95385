//! The Go SDK: the native library is put into the module, where cgo finds it.

use std::path::Path;

use anyhow::Context as _;

use crate::dist::Profile;
use crate::step::{Steps, command, installed, root};

/// Starts the guided tour.
pub(crate) const TOUR: &str = "target/go/tour";

const MODULE: &str = "bindings/go";
/// The folder of the module that cgo links from, with one folder a platform.
const LIBRARIES: &str = "internal/ffi/lib";
const LIBRARY: &str = "libetcdkit_ffi.a";
/// A header that changes with the library.
const STAMP: &str = "internal/ffi/library_stamp.h";
/// All modules, for formatting and vetting.
const MODULES: &[&str] = &[MODULE, "spec/drivers/go", "examples/go", "benches/sdk/go"];
/// The module of the tour.
const TOUR_MODULE: &str = "examples/go";
/// Programs beside it: the module they are in, what of it, and where the program goes.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("spec/drivers/go", ".", "target/go/spec-driver"),
    ("benches/sdk/go", "./cmd/etcdkit", "target/go/bench-etcdkit"),
    ("benches/sdk/go", "./cmd/clientv3", "target/go/bench-clientv3"),
];

/// Whether the SDK can be built here: cgo needs a C compiler.
pub(crate) fn missing() -> Option<&'static str> {
    ["go", "gcc"].into_iter().find(|program| !installed(program))
}

/// Builds the tour on the native library of a profile.
pub(crate) fn build_tour(steps: &mut Steps, profile: Profile) {
    if let Some(program) = missing() {
        steps.skip("go: build", &format!("{program} is not installed"));
        return;
    }
    steps.step("go: native library", || install(profile));
    build_program(steps, TOUR_MODULE, ".", TOUR);
}

/// Builds all programs on the native library of a profile.
pub(crate) fn build(steps: &mut Steps, profile: Profile) {
    build_tour(steps, profile);
    if missing().is_none() {
        for (module, package, program) in PROGRAMS {
            build_program(steps, module, package, program);
        }
    }
}

fn build_program(steps: &mut Steps, module: &str, package: &str, program: &str) {
    let place = root().join(program);
    steps.run(
        &format!("go: build {program}"),
        &format!("go build -C {module} -o {} {package}", place.display()),
    );
}

/// Downloads what the tour depends on.
pub(crate) fn fetch(steps: &mut Steps) {
    if missing().is_none() {
        steps.run("go: download", &format!("go mod download -C {TOUR_MODULE}"));
    }
}

/// Everything CI runs; the native library is that of the workspace's build.
pub(crate) fn steps(steps: &mut Steps) {
    build(steps, Profile::Dev);
    if missing().is_some() {
        return;
    }
    steps.step("go: format", formatted);
    for module in MODULES {
        steps.run(&format!("go: vet {module}"), &format!("go vet -C {module} ./..."));
    }
    steps.run("go: tests under the race detector", &format!("go test -C {MODULE} -race -count=1 ./..."));
    steps.run(
        "go: boundary with every pointer checked",
        &format!("env GOEXPERIMENT=cgocheck2 go test -C {MODULE} -count=1 ./internal/ffi"),
    );
}

fn formatted() -> anyhow::Result<()> {
    let output = command("gofmt -l").args(MODULES).output()?;
    let files = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success() && files.is_empty(), "run gofmt -w on:\n{files}");
    Ok(())
}

/// Puts the static library of a profile into the module.
fn install(profile: Profile) -> anyhow::Result<()> {
    let built = profile.folder().join(LIBRARY);
    let module = root().join(MODULE);
    place(&built, &module)?;
    // Go does not look into libraries when it decides whether a program is up to date, but it does into headers.
    let state = built.metadata()?;
    let changed = state.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    let stamp = format!(
        "__attribute__((used)) static const char etcdkit_library[] = \"{}-{changed}\";\n",
        state.len()
    );
    std::fs::write(module.join(STAMP), stamp)?;
    Ok(())
}

/// Copies a static library to where a copy of the module looks for it.
pub(crate) fn place(built: &Path, module: &Path) -> anyhow::Result<()> {
    let folder = module.join(LIBRARIES).join(platform());
    std::fs::create_dir_all(&folder)?;
    let library = folder.join(LIBRARY);
    std::fs::copy(built, &library)
        .with_context(|| format!("{} is built by `cargo build -p etcdkit-ffi`", built.display()))?;
    // Debug sections are two thirds of it, and of no use without the sources.
    if installed("strip") {
        command("strip --strip-debug").arg(&library).status()?;
    }
    Ok(())
}

/// Whether a file of the module is made by [`install`].
pub(crate) fn is_built(file: &Path) -> bool {
    let module = root().join(MODULE);
    file.starts_with(module.join(LIBRARIES)) || file == module.join(STAMP)
}

/// As Go names this platform.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}_{processor}")
}
