//! The crate graph: proto, link <- core <- bridge <- bindings, link <- bridge, and proto, link <- server.

use toml::Table;

use super::tree::Tree;

/// What of ours each crate may depend on. A crate missing here fails the check, so that a new one is
/// placed in the graph on purpose.
const ALLOWED: &[(&str, &[&str])] = &[
    ("etcdkit-proto", &[]),
    ("etcdkit-link", &[]),
    ("etcdkit", &["etcdkit-link", "etcdkit-proto"]),
    ("etcdkit-bridge", &["etcdkit", "etcdkit-link", "etcdkit-proto"]),
    ("etcdkit-dispatch", &["etcdkit", "etcdkit-bridge", "etcdkit-proto", "etcdkit-server"]),
    ("etcdkit-addresses", &[]),
    ("etcdkit-authority", &[]),
    ("etcdkit-features", &[]),
    ("etcdkit-ffi", &["etcdkit-bridge", "etcdkit-dispatch", "etcdkit-features"]),
    ("etcdkit-server", &["etcdkit-link", "etcdkit-proto"]),
    ("base2histogram", &[]),
    ("etcdkit-cli", &["etcdkit", "etcdkit-proto", "etcdkit-server"]),
    ("etcdkit-node", &["etcdkit", "etcdkit-bridge", "etcdkit-server"]),
    ("etcdkit-java", &["etcdkit-bridge", "etcdkit-dispatch"]),
    ("etcdkit-python", &["etcdkit", "etcdkit-bridge", "etcdkit-features", "etcdkit-server"]),
    ("etcdkit-spec", &["etcdkit", "etcdkit-addresses", "etcdkit-proto"]),
    ("etcdkit-spec-driver", &["etcdkit"]),
    ("etcdkit-tour", &["etcdkit", "etcdkit-server"]),
    ("etcdkit-bench-sdk", &["etcdkit"]),
    ("etcdkit-bench", &["etcdkit-addresses", "etcdkit-authority", "etcdkit-proto"]),
    ("etcdkit-fuzz-targets", &["etcdkit-proto", "etcdkit-server"]),
    ("etcdkit-fuzz", &["etcdkit-fuzz-targets"]),
    ("etcdkit-xtask", &["etcdkit-addresses"]),
];

pub(crate) fn check(tree: &Tree) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let manifest: Table = file.text.parse()?;
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")?.as_str()) else {
            continue;
        };
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            problems.push(format!("{}: place the crate {name} in xtask/src/check/crates.rs", file.path));
            continue;
        };
        for dependency in dependencies(&manifest) {
            if dependency.starts_with("etcdkit") && !allowed.contains(&dependency.as_str()) {
                problems.push(format!("{}: {name} must not depend on {dependency}", file.path));
            }
        }
    }
    Ok(problems)
}

/// Names of normal and build dependencies. Tests may use what they like.
fn dependencies(manifest: &Table) -> Vec<String> {
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}
