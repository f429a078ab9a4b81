//! Text in columns.

use std::fmt::Write;

/// Rows of text in columns, the first to the left and the others to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let written = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns are as wide as their widest cell.
    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".to_owned(), "x".to_owned()], vec!["long".to_owned(), "12".to_owned()]];
        assert_eq!(table(&rows), "a      x\nlong  12");
    }
}
