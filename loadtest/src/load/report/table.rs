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

/// Columns, each with its head, in blocks that are as wide as may be, each with the names before it. A group of columns that
/// does not fit into what is left begins a new block; one that fits into none is divided.
pub fn blocks(names: &[String], groups: &[Vec<Vec<String>>], width: usize) -> String {
    let wide = |column: &[String]| column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let of_group = |group: &[Vec<String>]| group.iter().map(|column| wide(column) + 2).sum::<usize>();
    let (mut done, mut block, mut used) = (Vec::new(), vec![names], wide(names));
    for group in groups {
        let fits_alone = wide(names) + of_group(group) <= width;
        for (place, column) in group.iter().enumerate() {
            let needed = if fits_alone && place == 0 { of_group(group) } else { wide(column) + 2 };
            if used + needed > width && block.len() > 1 {
                done.push(std::mem::replace(&mut block, vec![names]));
                used = wide(names);
            }
            block.push(column);
            used += wide(column) + 2;
        }
    }
    done.push(block);
    let row =
        |block: &[&[String]], at: usize| block.iter().filter_map(|column| column.get(at)).cloned().collect();
    let text = |block: &Vec<&[String]>| table(&(0..names.len()).map(|at| row(block, at)).collect::<Vec<_>>());
    done.iter().map(text).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups stand beside each other as long as they fit, and what fits nowhere is divided.
    #[test]
    fn columns_become_blocks() {
        let column = |head: &str, cell: &str| vec![head.to_owned(), cell.to_owned()];
        let names = column("who", "a");
        let groups = [
            vec![column("one", "1"), column("two", "22")],
            vec![column("three", "3"), column("four", "4")],
            vec![column("a-wide-head", "5"), column("another-one", "6")],
        ];
        let expected = "\
who  one  two
a      1   22

who  three  four
a        3     4

who  a-wide-head
a              5

who  another-one
a              6";
        assert_eq!(blocks(&names, &groups, 18), expected);
        assert_eq!(
            blocks(&names, &groups[..2], 80),
            "who  one  two  three  four\na      1   22      3     4"
        );
    }

    /// Columns are as wide as their widest cell.
    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".to_owned(), "x".to_owned()], vec!["long".to_owned(), "12".to_owned()]];
        assert_eq!(table(&rows), "a      x\nlong  12");
    }
}
