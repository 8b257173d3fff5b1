//! Aligned columns.

use super::{Paint, plain};

/// Rows under headings, each column as wide as its widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; characters that could play with a terminal are made visible.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// True when nothing is under the headings.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each begun with `indent` and ended with a line feed.
    pub(crate) fn render(&self, paint: Paint, indent: &str) -> String {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| width(cell)).collect();
        for row in &self.rows {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = (*column).max(width(cell));
            }
        }
        let line = |cells: &[String]| {
            let mut line = String::from(indent);
            for (cell, width_of) in cells.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(
                    ' ',
                    width_of.saturating_sub(width(cell)).saturating_add(2),
                ));
            }
            line.truncate(line.trim_end().len());
            line
        };
        let mut text = paint.bold(&line(&self.head));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&line(row));
            text.push('\n');
        }
        text
    }
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::output::Paint;

    #[test]
    fn columns_are_aligned_and_terminals_left_alone() {
        let mut table = Table::new(&["A", "LONGER"]);
        table.row(["x\x1b[2J".to_owned(), "1".to_owned()]);
        table.row(["y".to_owned(), String::new()]);
        // Tests do not write to a terminal, so there is no colour.
        assert_eq!(
            table.render(Paint::stdout(), "  "),
            "  A           LONGER\n  x\\u{1b}[2J  1\n  y\n"
        );
    }
}
