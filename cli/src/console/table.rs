//! Tables in boxes, as etcdctl draws them.

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
