//! The packages users install, in `dist/`. Rust code is built once for all of them; what is made of it per language
//! is in the files beside this one.

mod binaries;
mod c;
mod go;
mod rust;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use comfy_table::{Table, presets};

use crate::step::{Steps, installed, root};
use crate::{csharp, java, node, python};

/// The most a stripped native library may have: what a package with one platform weighs on a slow line.
const NATIVE_BYTES_MAX: u64 = 15 << 20;
/// The same for the program, which is downloaded once and for one language.
const PROGRAM_BYTES_MAX: u64 = 20 << 20;
/// Crates whose library or program goes into a package, if the workspace has them. Python's is built by maturin,
/// which needs to choose its link arguments.
const NATIVE: &[&str] = &["etcdkit-cli", "etcdkit-ffi", "etcdkit-java", "etcdkit-node"];
const MEBIBYTE: f64 = (1 << 20) as f64;

/// How the code in the packages is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// What users download: optimised over all crates, which takes minutes a library.
    Dist,
    /// What the tour and the tests build.
    Dev,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Dist => "dist",
            Profile::Dev => "dev",
        }
    }

    /// Where cargo puts what it builds.
    pub(crate) fn folder(self) -> PathBuf {
        root().join(match self {
            Profile::Dist => "target/dist",
            Profile::Dev => "target/debug",
        })
    }

    /// The feature of the libraries that are built by themselves, with which they share what the others are built of.
    pub(crate) fn features(self) -> &'static str {
        match self {
            Profile::Dist => "workspace-features",
            Profile::Dev => "test-features",
        }
    }
}

/// Makes every package that this machine has the tools for.
pub(crate) fn run(profile: Profile) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    build(&mut steps, profile);
    steps.finish()
}

/// The steps that make the packages.
pub(crate) fn build(steps: &mut Steps, profile: Profile) {
    steps.run("dist: native code", &native(profile));
    steps.step("dist: bin", || binaries::make(profile));
    if installed("python3") {
        steps.step("dist: python", || python::install(profile));
        steps.step("dist: python, what is in the wheel", python::check_wheel);
    } else {
        steps.skip("dist: python", "python3 is not installed");
    }
    steps.step("dist: rust", rust::make);
    if in_workspace("etcdkit-ffi") {
        steps.step("dist: c", || c::make(profile));
        steps.step("dist: go", || go::make(profile));
    }
    match node::missing() {
        None => steps.step("dist: node", || node::package(&profile.folder())),
        Some(why) => steps.skip("dist: node", why),
    }
    if csharp::present() {
        steps.step("dist: nuget", || csharp::pack(&profile.folder()));
    } else {
        steps.skip("dist: nuget", "dotnet is not installed");
    }
    match java::missing() {
        None => steps.step("dist: maven", || java::make(profile)),
        Some(program) => steps.skip("dist: maven", &format!("{program} is not installed")),
    }
    steps.step("dist: sizes", || sizes(profile));
}

/// The command that builds what is compiled.
pub(crate) fn native(profile: Profile) -> String {
    format!("cargo build --profile {} --locked{}", profile.name(), what(profile))
}

/// What cargo builds, with the features that Python's library is built with: cargo would compile what they share again
/// for each. The tests need the whole workspace anyway, and have built it.
fn what(profile: Profile) -> String {
    match profile {
        Profile::Dev => " --workspace --features etcdkit-features/tests".to_owned(),
        Profile::Dist => NATIVE
            .iter()
            .filter(|package| in_workspace(package))
            .map(|package| format!(" -p {package}"))
            .chain([format!(" --features etcdkit-ffi/{}", profile.features())])
            .collect(),
    }
}

/// Whether the workspace has a crate of that name; packages join as their languages do.
fn in_workspace(package: &str) -> bool {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    lock.contains(&format!("name = \"{package}\"\n"))
}

/// Prints what each package and each native library weighs; one that is too heavy to be downloaded is an error.
fn sizes(profile: Profile) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "MiB"]);
    let mut row = |name: String, bytes: u64| {
        table.add_row([name, format!("{:.1}", bytes as f64 / MEBIBYTE)]);
    };
    let dist = root().join("dist");
    for package in files_below(&dist)?.into_iter().filter(|file| is_package(file)) {
        let name = package.strip_prefix(root()).unwrap_or(&package).display().to_string();
        row(name, package.metadata()?.len());
    }
    let mut too_heavy = Vec::new();
    for library in native_libraries(profile)? {
        let (name, bytes) = (file_name(&library), library.metadata()?.len());
        let most = if library == program(profile) { PROGRAM_BYTES_MAX } else { NATIVE_BYTES_MAX };
        if profile == Profile::Dist && bytes > most {
            too_heavy.push(format!("{name} has more than {} MiB", most >> 20));
        }
        row(name, bytes);
    }
    println!("{table}");
    if !too_heavy.is_empty() {
        bail!("too heavy: {}", too_heavy.join(", "));
    }
    Ok(())
}

/// What a user downloads as one file.
fn is_package(file: &Path) -> bool {
    let name = file_name(file);
    [".whl", ".tgz", ".jar", ".nupkg", ".snupkg", ".crate", ".a"].iter().any(|end| name.ends_with(end))
}

/// Shared libraries of ours, as cargo left them: stripped by their profile.
fn native_libraries(profile: Profile) -> anyhow::Result<Vec<PathBuf>> {
    let ends = [std::env::consts::DLL_SUFFIX, ".node"];
    let mut libraries: Vec<PathBuf> = std::fs::read_dir(profile.folder())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            file_name(path).contains("etcdkit") && ends.iter().any(|end| file_name(path).ends_with(end))
        })
        .collect();
    libraries.push(program(profile));
    libraries.sort();
    Ok(libraries)
}

/// The server and command line, as cargo left it.
fn program(profile: Profile) -> PathBuf {
    profile.folder().join(format!("etcdkit{}", std::env::consts::EXE_SUFFIX))
}

/// The one file of a package in `dist/FOLDER` whose name ends so.
pub(crate) fn find(folder: &str, end: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join("dist").join(folder);
    let found = files_below(&folder)?.into_iter().find(|file| file_name(file).ends_with(end));
    found.with_context(|| format!("there is no *{end} in {}: run `make dist`", folder.display()))
}

/// An empty folder in `dist/`.
fn fresh(name: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join("dist").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
