//! `docs/conformance.md` names a scenario or a test for each rule: they must be there.

use super::tree::Tree;

const DOCUMENT: &str = "docs/conformance.md";

/// Comparisons with etcd that cover more than a name can tell.
const COMPARISONS: &[&str] = &["authorization", "differential", "http"];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let Some(document) = tree.files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![format!("{DOCUMENT} is missing")];
    };
    let has = |path: &str, line: &str| {
        tree.files
            .iter()
            .any(|file| file.path == path && file.text.lines().any(|own| own.trim().starts_with(line)))
    };
    let mut problems = Vec::new();
    for proof in document.text.lines().filter_map(proofs).flat_map(|cell| cell.split("; ")) {
        let is_there = match proof.split_once(": ") {
            None => COMPARISONS.contains(&proof),
            Some((path, test)) if path.ends_with(".rs") => {
                has(path, &format!("fn {test}(")) || has(path, &format!("async fn {test}("))
            }
            Some((file, title)) => has(&format!("spec/scenarios/{file}.spec"), &format!("scenario: {title}")),
        };
        if !is_there {
            problems.push(format!("{DOCUMENT}: there is no `{proof}`"));
        }
    }
    problems
}

/// The second cell of a row of a table.
fn proofs(line: &str) -> Option<&str> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let (rule, proofs) = cells.rsplit_once(" | ")?;
    (rule != "rule").then_some(proofs)
}

#[cfg(test)]
mod tests {
    use super::proofs;

    #[test]
    fn proofs_stand_in_the_second_cell() {
        assert_eq!(proofs("| a rule | kv: one; http |"), Some("kv: one; http"));
        assert_eq!(proofs("| rule | proof |"), None);
        assert_eq!(proofs("|---|---|"), None);
    }
}
