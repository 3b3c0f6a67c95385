//! Sizes for people: `20 kB`, `2.1 GB`.

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// A number of bytes in steps of 1000, with one decimal below ten of a unit.
pub(crate) fn bytes(count: u64) -> String {
    if count < 10 {
        return format!("{count} B");
    }
    let mut unit = 0;
    let mut step = 1u64;
    while unit + 1 < UNITS.len() && count / step >= 1000 {
        step *= 1000;
        unit += 1;
    }
    let value = (count as f64 / step as f64 * 10.0 + 0.5).floor() / 10.0;
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_read_as_etcdctl_prints_them() {
        for (count, text) in [
            (0, "0 B"),
            (9, "9 B"),
            (10, "10 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (16384, "16 kB"),
            (20480, "20 kB"),
            (24576, "25 kB"),
            (2_147_483_648, "2.1 GB"),
            (8_589_934_592, "8.6 GB"),
            (44_040_192, "44 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
    }
}
