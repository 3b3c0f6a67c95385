//! Installs each package from `dist/` into an empty folder outside the repository, as a user does, and runs there a
//! program of that language's usual client in which only the import lines are changed.

mod languages;
mod project;

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::server::Server;
use crate::step::{Steps, installed, root};
use languages::CONSUMERS;
use project::Project;

/// What every program prints, in every language.
const EXPECTED: &str = "spec/consumers/expected.txt";

/// A language whose package is tried.
struct Consumer {
    name: &'static str,
    /// Programs of its toolchain.
    needs: &'static [&'static str],
    /// Its package in `dist/`; a language whose package was not made is not tried.
    package: &'static str,
    /// The program in `spec/consumers/`, and its name in the user's folder.
    program: (&'static str, &'static str),
    /// Changes to the program's import lines: what a line begins with, what is replaced in it, and by what.
    imports: &'static [(&'static str, &'static str, &'static str)],
    /// Installs the package beside the program and tells how the program is run.
    install: fn(&Project) -> anyhow::Result<Command>,
}

/// Tries every package that was made, or that of one language.
pub(crate) fn run(only: Option<&str>) -> anyhow::Result<()> {
    let mut steps = Steps::new(only);
    steps_of(&mut steps);
    steps.finish()
}

/// One step a language.
pub(crate) fn steps_of(steps: &mut Steps) {
    for consumer in CONSUMERS {
        let name = format!("consumer: {}", consumer.name);
        if let Some(missing) = consumer.needs.iter().find(|program| !installed(program)) {
            steps.skip(&name, &format!("{missing} is not installed"));
        } else if !root().join("dist").join(consumer.package).exists() {
            steps.skip(&name, &format!("there is no dist/{}: run `make dist`", consumer.package));
        } else {
            steps.step(&name, || try_package(consumer));
        }
    }
}

fn try_package(consumer: &Consumer) -> anyhow::Result<()> {
    let project = Project::new()?;
    let (source, name) = consumer.program;
    let text = std::fs::read_to_string(root().join("spec/consumers").join(source))?;
    project.write(name, &change_imports(&text, consumer.imports)?)?;
    let mut program = (consumer.install)(&project)?;
    let server = Server::start(&root().join("dist/bin/etcd"), &[])?;
    let output = program.arg(server.address()).output().with_context(|| format!("{program:?}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!(
            "the program ended with {}:\n{printed}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let expected = std::fs::read_to_string(root().join(EXPECTED))?;
    match first_difference(&expected, &printed) {
        None => Ok(()),
        Some((wanted, got)) => bail!("it printed {got:?} in place of {wanted:?}"),
    }
}

/// Changes the lines that begin as an import does, and no other. A change that finds no line is an error.
fn change_imports(text: &str, changes: &[(&str, &str, &str)]) -> anyhow::Result<String> {
    let mut used = vec![false; changes.len()];
    let mut changed = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for ((begin, from, to), used) in changes.iter().zip(&mut used) {
            if line.trim_start().starts_with(begin) && line.contains(from) {
                line = line.replace(from, to);
                *used = true;
                break;
            }
        }
        changed.push_str(&line);
        changed.push('\n');
    }
    match changes.iter().zip(used).find(|(_, used)| !used) {
        Some(((_, from, _), _)) => bail!("the program has no import of {from}"),
        None => Ok(changed),
    }
}

fn first_difference(expected: &str, printed: &str) -> Option<(String, String)> {
    let (mut wanted, mut got) = (expected.lines(), printed.lines().map(str::trim_end));
    loop {
        match (wanted.next(), got.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some((a.unwrap_or_default().to_owned(), b.unwrap_or_default().to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_import_lines_change() {
        let text = "import etcd3\nprint('import etcd3')\n";
        let changed =
            change_imports(text, &[("import ", "etcd3", "etcdkit as etcd3")]).expect("it has the import");
        assert_eq!(changed, "import etcdkit as etcd3\nprint('import etcd3')\n");
        assert!(change_imports("print()", &[("import ", "etcd3", "etcdkit")]).is_err());
    }
}
