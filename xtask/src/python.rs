//! The virtual environment for the Python SDK: made once in the repository, never the user's Python.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};

use crate::dist::Profile;
use crate::step::{Steps, command, installed, root, succeed};

/// Programs of the environment.
pub(crate) const PYTHON: &str = ".venv/bin/python";
const PACKAGES: &str = "dist/python";

/// Makes the environment with its pinned tools, unless it is there already.
fn environment() -> anyhow::Result<()> {
    let requirements = "bindings/python/requirements-dev.txt";
    let wanted = std::fs::read_to_string(root().join(requirements))?;
    let stamp = root().join(".venv/requirements-installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    succeed("python3 -m venv .venv")?;
    succeed(&format!("{PYTHON} -m pip install --quiet --requirement {requirements}"))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// The step that makes the environment.
pub(crate) fn prepare(steps: &mut Steps) {
    if installed("python3") {
        steps.step("python: environment", environment);
    } else {
        steps.skip("python: environment", "python3 is not installed");
    }
}

/// Builds the wheel into `dist/python` and installs it into the environment.
pub(crate) fn install(profile: Profile) -> anyhow::Result<()> {
    environment()?;
    let dist = root().join(PACKAGES);
    if dist.exists() {
        std::fs::remove_dir_all(&dist)?;
    }
    succeed(&format!(
        ".venv/bin/maturin build --profile {} --features {} --quiet --manifest-path bindings/python/Cargo.toml --out {PACKAGES}",
        profile.name(),
        profile.features()
    ))?;
    let wheel = wheel()?;
    succeed(&format!("{PYTHON} -m pip install --quiet --no-deps --force-reinstall {}", wheel.display()))
}

/// The wheel that was built.
pub(crate) fn wheel() -> anyhow::Result<PathBuf> {
    std::fs::read_dir(root().join(PACKAGES))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("maturin made no wheel")
}

/// What an index would refuse, and what tells of the machine the wheel was built on.
pub(crate) fn check_wheel() -> anyhow::Result<()> {
    let wheel = wheel()?;
    succeed(&format!("{PYTHON} -m twine check --strict {}", wheel.display()))?;
    let listing = command(PYTHON).args(["-m", "zipfile", "-l"]).arg(&wheel).output()?;
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    for needed in ["etcdkit/py.typed", "etcdkit/_etcdkit.pyi", ".dist-info/licenses/LICENSE"] {
        ensure!(listing.contains(needed), "{needed} is not in the wheel");
    }
    // Texts only: panic messages in machine code name the sources of crates by where cargo keeps them.
    let find = "import sys, zipfile\n\
         wheel = zipfile.ZipFile(sys.argv[1])\n\
         texts = [name for name in wheel.namelist() if not name.endswith('.so')]\n\
         print(*(name for name in texts if sys.argv[2].encode() in wheel.read(name) or b'file:///' in wheel.read(name)))";
    let found = command(PYTHON).args(["-c", find]).arg(&wheel).arg(root()).output()?;
    ensure!(found.status.success(), "cannot read {}", wheel.display());
    match String::from_utf8_lossy(&found.stdout).trim() {
        "" => Ok(()),
        files => bail!("a path of this machine is in the wheel's {files}"),
    }
}
