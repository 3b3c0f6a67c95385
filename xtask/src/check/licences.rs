//! Every crate that comes in is under a licence that may be shipped under Apache-2.0, and comes from
//! the registry that Cargo.lock pins it to.

use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use spdx::{Expression, LicenseItem, ParseMode};

use crate::step;

/// Licences that ask for no more than a notice.
const ACCEPTED: &[&str] = &[
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(step::root())
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(metadata
        .packages
        .iter()
        .filter_map(|package| Some(format!("{} {}: {}", package.name, package.version, objection(package)?)))
        .collect())
}

fn objection(package: &Package) -> Option<String> {
    match package.source.as_deref() {
        // Ours.
        None => return None,
        Some(source) if source.starts_with("registry+") => {}
        Some(source) => return Some(format!("comes from {source}, not from a registry")),
    }
    let Some(licence) = &package.license else {
        return Some("names no licence".to_owned());
    };
    let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("{licence}: {error}")),
    };
    let accepted = expression.evaluate(|requirement| match &requirement.license {
        LicenseItem::Spdx { id, .. } => ACCEPTED.contains(&id.name),
        LicenseItem::Other { .. } => false,
    });
    (!accepted).then(|| format!("{licence} is not among the accepted licences"))
}
