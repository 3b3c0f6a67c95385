//! Tables: in boxes, as etcdctl draws them, or with their columns below each other for a terminal.

/// The cells of a line.
pub(crate) type Row = Vec<String>;

/// A table with its header centred and its cells to the right; a table without rows has no middle line.
pub(crate) fn boxed(header: &[&str], rows: &[Row]) -> String {
    let widths: Vec<usize> = (0..header.len())
        .map(|column| rows.iter().map(|row| width(&row[column])).fold(width(header[column]), usize::max))
        .collect();
    let mut table = rule(&widths, ["┌", "┬", "┐"]);
    table.push_str(&line(&widths, header.iter().copied(), centred));
    if !rows.is_empty() {
        table.push_str(&rule(&widths, ["├", "┼", "┤"]));
    }
    for row in rows {
        table.push_str(&line(&widths, row.iter().map(String::as_str), to_the_right));
    }
    table.push_str(&rule(&widths, ["└", "┴", "┘"]));
    table
}

/// The gap between two columns that have no lines between them.
const GAP: &str = "  ";

/// Lines whose columns stand below each other, the header first; numbers stand to the right.
pub(crate) fn aligned(header: &[&str], rows: &[Row]) -> Vec<String> {
    let widths: Vec<usize> = (0..header.len())
        .map(|column| rows.iter().map(|row| width(&row[column])).fold(width(header[column]), usize::max))
        .collect();
    let numeric: Vec<bool> =
        (0..header.len()).map(|column| rows.iter().all(|row| is_number(&row[column]))).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells
            .zip(widths.iter().zip(&numeric))
            .map(|(cell, (wide, numeric))| match numeric {
                true => to_the_right(cell, *wide),
                false => format!("{cell}{}", " ".repeat(wide - width(cell))),
            })
            .collect();
        cells.join(GAP).trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

/// A number, perhaps with a unit; a dash stands for one that is not known.
fn is_number(cell: &str) -> bool {
    let number = cell.split([' ', '%']).next().unwrap_or_default();
    cell == "-" || number.parse::<f64>().is_ok()
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

fn rule(widths: &[usize], [left, middle, right]: [&str; 3]) -> String {
    let bars: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
    format!("{left}{}{right}\n", bars.join(middle))
}

fn line<'a>(
    widths: &[usize],
    cells: impl Iterator<Item = &'a str>,
    align: fn(&str, usize) -> String,
) -> String {
    let cells: Vec<String> = cells.zip(widths).map(|(cell, width)| align(cell, *width)).collect();
    format!("│ {} │\n", cells.join(" │ "))
}

fn centred(cell: &str, wide: usize) -> String {
    let left = (wide - width(cell)) / 2;
    format!("{}{cell}{}", " ".repeat(left), " ".repeat(wide - width(cell) - left))
}

fn to_the_right(cell: &str, wide: usize) -> String {
    format!("{}{cell}", " ".repeat(wide - width(cell)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["n1", "7", "true"], ["node-2", "12", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            aligned(&["NAME", "KEYS", "LEADER"], &rows),
            ["NAME    KEYS  LEADER", "n1         7  true", "node-2    12"]
        );
    }
}
