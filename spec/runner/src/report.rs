//! What a run of the matrix tells: the table at its end, and COMPAT.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Table, presets};

use crate::matrix::{Mode, Outcome, tally};
use crate::scenario::Scenario;
use crate::server::Kind;

/// The table of passed and failed per server and language, the failures, and the closing line.
pub(crate) fn print(scenarios: &[Scenario], outcomes: &[Outcome], took: Duration) {
    let cells = tally(outcomes);
    let modes: Vec<Mode> =
        Mode::ALL.into_iter().filter(|mode| cells.keys().any(|(_, known)| known == mode)).collect();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(std::iter::once("").chain(modes.iter().map(|mode| mode.name())));
    for server in Kind::ALL {
        if !cells.keys().any(|(known, _)| *known == server) {
            continue;
        }
        let cell = |mode: &Mode| match cells.get(&(server, *mode)) {
            None => String::new(),
            Some((passed, 0)) => format!("{passed} passed"),
            Some((passed, failed)) => format!("{passed} passed, {failed} FAILED"),
        };
        table.add_row(std::iter::once(server.name().to_owned()).chain(modes.iter().map(cell)));
    }
    println!("{table}");
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    for outcome in &failed {
        let scenario = &scenarios[outcome.scenario];
        println!(
            "FAILED {} {} {}: {}",
            outcome.server.name(),
            outcome.mode.name(),
            scenario.area,
            scenario.name
        );
        println!("       {}", outcome.failure.as_deref().unwrap_or_default());
    }
    if let Some(slowest) = outcomes.iter().max_by_key(|outcome| outcome.took) {
        println!(
            "{:.1?} in all; the slowest: {} ({:.1?})",
            took, scenarios[slowest.scenario].name, slowest.took
        );
    }
    println!("{} passed, {} failed", outcomes.len() - failed.len(), failed.len());
}

/// API by behaviour by server and language, as Markdown.
pub(crate) fn compat(scenarios: &[Scenario], outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "# Compatibility\n\nWritten by the behaviour spec from its last full run (`make test`); do not edit.\n\n\
         A server column holds when the behaviour was seen in every language, a language column when it was seen on \
         every server.\n`wire` is raw gRPC. `–` means that the language's API has no way to say it, or that the \
         server has no data to keep.\n",
    );
    let mut by_area: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, scenario) in scenarios.iter().enumerate() {
        by_area.entry(&scenario.area).or_default().push(index);
    }
    for (area, indices) in by_area {
        let _ = write!(text, "\n## {area}\n\n| API | behaviour |");
        let servers = Kind::ALL.map(server_title);
        let modes = Mode::ALL.map(Mode::name);
        for title in servers.iter().chain(&modes) {
            let _ = write!(text, " {title} |");
        }
        text.push_str("\n|---|---|");
        text.push_str(&"---|".repeat(servers.len() + modes.len()));
        for index in indices {
            let scenario = &scenarios[index];
            let _ =
                write!(text, "\n| {} | {} |", scenario.apis.join(", "), scenario.name.replace('|', "\\|"));
            let of = |keep: &dyn Fn(&Outcome) -> bool| {
                mark(outcomes.iter().filter(|outcome| outcome.scenario == index && keep(outcome)))
            };
            for server in Kind::ALL {
                let _ = write!(text, " {} |", of(&|outcome| outcome.server == server));
            }
            for mode in Mode::ALL {
                let _ = write!(text, " {} |", of(&|outcome| outcome.mode == mode));
            }
        }
        text.push('\n');
    }
    text
}

fn server_title(kind: Kind) -> &'static str {
    match kind {
        Kind::Oracle => "etcd 3.7.1",
        Kind::OursRedb => "redb",
        Kind::OursSled => "sled",
        Kind::OursMemory => "memory",
    }
}

fn mark<'o>(mut outcomes: impl Iterator<Item = &'o Outcome>) -> &'static str {
    let Some(first) = outcomes.next() else { return "–" };
    match first.failure.is_none() && outcomes.all(|outcome| outcome.failure.is_none()) {
        true => "yes",
        false => "**no**",
    }
}
