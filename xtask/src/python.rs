//! The virtual environment for the Python SDK: made once in the repository, never the user's Python.

use anyhow::{Context as _, bail};

use crate::step::{command, root};

/// Programs of the environment.
pub(crate) const PYTHON: &str = ".venv/bin/python";

/// Makes the environment with its pinned tools, unless it is there already.
pub(crate) fn environment() -> anyhow::Result<()> {
    let requirements = "bindings/python/requirements-dev.txt";
    let wanted = std::fs::read_to_string(root().join(requirements))?;
    let stamp = root().join(".venv/requirements-installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run("python3 -m venv .venv")?;
    run(&format!("{PYTHON} -m pip install --quiet --requirement {requirements}"))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// Builds the wheel into `dist/python` and installs it into the environment.
pub(crate) fn install() -> anyhow::Result<()> {
    environment()?;
    let dist = root().join("dist/python");
    if dist.exists() {
        std::fs::remove_dir_all(&dist)?;
    }
    run(
        ".venv/bin/maturin build --release --quiet --manifest-path bindings/python/Cargo.toml --out dist/python",
    )?;
    let wheel = std::fs::read_dir(&dist)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("maturin made no wheel")?;
    run(&format!("{PYTHON} -m pip install --quiet --no-deps --force-reinstall {}", wheel.display()))
}

fn run(line: &str) -> anyhow::Result<()> {
    let status = command(line).status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}
