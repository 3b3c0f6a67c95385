//! Checks the tree itself: what may depend on what, what must not appear where, which licences come in.

mod conformance;
mod crates;
mod features;
mod layers;
mod licences;
mod text;
mod tree;

use anyhow::bail;

/// Prints every broken rule and fails if there is one.
pub(crate) fn run() -> anyhow::Result<()> {
    let problems = problems()?;
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        bail!("{} problems in the tree", problems.len());
    }
    eprintln!("the tree keeps its rules");
    Ok(())
}

/// Every broken rule, as `file: what to do`.
fn problems() -> anyhow::Result<Vec<String>> {
    let tree = tree::Tree::read()?;
    let mut problems = crates::check(&tree)?;
    problems.extend(layers::check(&tree)?);
    problems.extend(text::check(&tree)?);
    problems.extend(conformance::check(&tree));
    problems.extend(licences::check()?);
    problems.extend(features::check()?);
    Ok(problems)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_keeps_its_rules() {
        let problems = super::problems().expect("the tree can be read");
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }
}
