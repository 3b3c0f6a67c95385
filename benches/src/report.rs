//! Prints medians, and how the other servers stand to the first.

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use crate::server::Kind;
use crate::suite::{Measurement, Results};

/// Prints the table, as Markdown: it is read on a terminal and pasted into the records.
pub(crate) fn print(servers: &[Kind], results: &Results) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    let mut header = vec!["measurement".to_owned(), "unit".to_owned()];
    header.extend(servers.iter().map(|kind| kind.name().to_owned()));
    header.extend(servers[1..].iter().map(|kind| format!("{} / {}", kind.name(), servers[0].name())));
    header.push("better is".to_owned());
    let columns = header.len();
    table.set_header(header);
    for row in results.rows() {
        table.add_row(cells(servers, row));
    }
    for column in 2..columns - 1 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
}

fn cells(servers: &[Kind], row: &Measurement) -> Vec<String> {
    let medians: Vec<Option<f64>> =
        servers.iter().map(|kind| row.rounds.get(kind.name()).map(|rounds| median(rounds))).collect();
    let mut cells = vec![row.name.clone(), row.unit.to_owned()];
    cells.extend(medians.iter().map(|value| value.map_or("-".to_owned(), figure)));
    cells.extend(medians[1..].iter().map(|value| match (value, medians[0]) {
        (Some(value), Some(first)) if first > 0.0 => format!("{:.2}x", value / first),
        _ => "-".to_owned(),
    }));
    cells.push(if row.less { "less" } else { "more" }.to_owned());
    cells
}

fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn median(rounds: &[f64]) -> f64 {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Writes every figure of every round.
pub(crate) fn write_json(path: &Path, results: &Results) -> anyhow::Result<()> {
    let rows: Vec<_> = results
        .rows()
        .iter()
        .map(|row| json!({ "name": row.name, "unit": row.unit, "rounds": row.rounds }))
        .collect();
    std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_round() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[5.0]), 5.0);
    }
}
