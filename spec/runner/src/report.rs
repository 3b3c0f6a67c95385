//! What a run of the matrix tells: the table at its end, and COMPAT.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Table, presets};

use crate::language::Language;
use crate::matrix::{Mode, Outcome, PAIRS, columns, tally};
use crate::scenario::Scenario;
use crate::server::Kind;

/// The table of passed and failed per server and language, the failures, and the closing line.
pub(crate) fn print(scenarios: &[Scenario], outcomes: &[Outcome], took: Duration) {
    let cells = tally(outcomes);
    let columns = columns(outcomes);
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(std::iter::once("").chain(columns.iter().copied()));
    for server in Kind::EVERY {
        if !cells.keys().any(|(known, _)| *known == server) {
            continue;
        }
        let cell = |column: &&'static str| match cells.get(&(server, *column)) {
            None => String::new(),
            Some((passed, 0)) => format!("{passed} passed"),
            Some((passed, failed)) => format!("{passed} passed, {failed} FAILED"),
        };
        table.add_row(std::iter::once(server.name().to_owned()).chain(columns.iter().map(cell)));
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
         every server.\n`wire` is raw gRPC, `mixed` has each client of a scenario in another language. Three members are \
         played on by `wire`, Rust and Python. `–` means that the language's API has no way to say it, that the server \
         has no data to keep, or that a cluster cannot do it.\n",
    );
    let took_part = |server: &Kind| outcomes.iter().any(|outcome| outcome.server == *server);
    let servers: Vec<Kind> = Kind::EVERY.into_iter().filter(took_part).collect();
    let columns: Vec<&str> = columns(outcomes).into_iter().filter(|column| *column != PAIRS).collect();
    let mut by_area: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, scenario) in scenarios.iter().enumerate().filter(|(_, scenario)| scenario.pairs.is_empty()) {
        by_area.entry(&scenario.area).or_default().push(index);
    }
    for (area, indices) in by_area {
        let _ = write!(text, "\n## {area}\n\n| API | behaviour |");
        for title in servers.iter().copied().map(server_title).chain(columns.iter().copied()) {
            let _ = write!(text, " {title} |");
        }
        text.push_str("\n|---|---|");
        text.push_str(&"---|".repeat(servers.len() + columns.len()));
        for index in indices {
            let scenario = &scenarios[index];
            let _ =
                write!(text, "\n| {} | {} |", scenario.apis.join(", "), scenario.name.replace('|', "\\|"));
            let of = |keep: &dyn Fn(&Outcome) -> bool| {
                mark(outcomes.iter().filter(|outcome| outcome.scenario == index && keep(outcome)))
            };
            for server in &servers {
                let _ = write!(text, " {} |", of(&|outcome| outcome.server == *server));
            }
            for column in &columns {
                let _ = write!(text, " {} |", of(&|outcome| outcome.mode.column() == *column));
            }
        }
        text.push('\n');
    }
    for (index, scenario) in scenarios.iter().enumerate().filter(|(_, scenario)| !scenario.pairs.is_empty()) {
        let played: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.scenario == index).collect();
        pairs(&mut text, scenario, &played);
    }
    text
}

/// One scenario by the language of its first client and that of its second.
fn pairs(text: &mut String, scenario: &Scenario, played: &[&Outcome]) {
    let of = |mode: Mode| mark(played.iter().copied().filter(|outcome| outcome.mode == mode));
    let languages: BTreeSet<Language> = played
        .iter()
        .flat_map(|outcome| match outcome.mode {
            Mode::One(language) => vec![language],
            Mode::Pair(first, second) => vec![first, second],
            Mode::Mixed => Vec::new(),
        })
        .collect();
    let _ = write!(text, "\n## {}\n\n| {} |", scenario.name, scenario.pairs.join(" \\ "));
    for language in &languages {
        let _ = write!(text, " {} |", language.name());
    }
    let _ = write!(text, "\n|---|{}", "---|".repeat(languages.len()));
    for first in &languages {
        let _ = write!(text, "\n| {} |", first.name());
        for second in &languages {
            let mode = if first == second { Mode::One(*first) } else { Mode::Pair(*first, *second) };
            let _ = write!(text, " {} |", of(mode));
        }
    }
    text.push('\n');
}

fn server_title(kind: Kind) -> &'static str {
    match kind {
        Kind::Oracle => "etcd 3.7.1",
        Kind::OursRedb => "redb",
        Kind::OursSled => "sled",
        Kind::OursMemory => "memory",
        Kind::OursCluster => "three members",
    }
}

fn mark<'o>(mut outcomes: impl Iterator<Item = &'o Outcome>) -> &'static str {
    let Some(first) = outcomes.next() else { return "–" };
    match first.failure.is_none() && outcomes.all(|outcome| outcome.failure.is_none()) {
        true => "yes",
        false => "**no**",
    }
}
