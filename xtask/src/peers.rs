//! Published clients of other makers, which tests and benchmarks run beside ours: python-etcd3 in an environment of
//! its own below `target/`, microsoft/etcd3 beside the driver that uses it.

use crate::step::{Steps, installed, root, succeed};

/// The Python that has python-etcd3.
pub(crate) const PYTHON: &str = "target/peers/python/bin/python";
const PYTHON_REQUIREMENTS: &str = "spec/peers/python/requirements.txt";

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
        steps.run("peers: microsoft/etcd3", "npm ci --silent --prefix spec/peers/node");
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
