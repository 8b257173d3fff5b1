//! What came out: tables for people, JSON for programs.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::machine::Machine;

/// A promise and what became of it.
#[derive(Debug, Serialize)]
struct Goal {
    goal: String,
    measured: String,
    met: bool,
}

/// Everything that was measured.
pub(crate) struct Report {
    machine: Machine,
    quick: bool,
    cases: Map<String, Value>,
    goals: Vec<Goal>,
    skipped: Vec<String>,
}

impl Report {
    pub(crate) fn new(machine: Machine, quick: bool) -> Self {
        Self {
            machine,
            quick,
            cases: Map::new(),
            goals: Vec::new(),
            skipped: Vec::new(),
        }
    }

    pub(crate) fn show_machine(&self) {
        let machine = &self.machine;
        println!(
            "Linux {}, {} cores ({}), {}; 4 KiB + fdatasync {:.2} ms, chmod + fsync {:.2} ms; load {:.1}{}",
            machine.kernel,
            machine.cores,
            machine.processor,
            machine.file_system,
            machine.fdatasync_ms,
            machine.chmod_fsync_ms,
            machine.load,
            if self.quick { "; quick run" } else { "" },
        );
    }

    /// Keeps what a case measured.
    pub(crate) fn case(&mut self, name: &str, value: Value) {
        self.cases.insert(name.to_owned(), value);
    }

    /// Says whether a goal is met.
    pub(crate) fn goal(&mut self, goal: &str, measured: String, met: bool) {
        self.goals.push(Goal {
            goal: goal.to_owned(),
            measured,
            met,
        });
    }

    /// Says by name what could not be measured.
    pub(crate) fn skip(&mut self, what: &str, why: &str) {
        let line = format!("{what} ({why})");
        println!("\nskipped: {line}");
        self.skipped.push(line);
    }

    pub(crate) fn show_goals(&self) {
        let rows = self.goals.iter().map(|goal| {
            vec![
                goal.goal.clone(),
                goal.measured.clone(),
                if goal.met { "met" } else { "MISSED" }.to_owned(),
            ]
        });
        table("Goals", &["goal", "measured", ""], rows);
        for skipped in &self.skipped {
            println!("skipped: {skipped}");
        }
    }

    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let value = json!({
            "machine": self.machine,
            "quick": self.quick,
            "cases": self.cases,
            "goals": self.goals,
            "skipped": self.skipped,
        });
        fs::write(file, serde_json::to_string_pretty(&value)? + "\n")?;
        Ok(())
    }
}

/// Prints a table that is also good Markdown.
pub(crate) fn table<R: AsRef<str>>(
    title: &str,
    head: &[&str],
    rows: impl IntoIterator<Item = Vec<R>>,
) {
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let mut lines = vec![head];
    lines.extend(
        rows.into_iter()
            .map(|row| row.iter().map(|cell| cell.as_ref().to_owned()).collect()),
    );
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines
            .iter()
            .filter_map(|line: &Vec<String>| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    println!("\n{title}\n");
    for (number, line) in lines.iter().enumerate() {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!(" {cell:<width$} |"));
        println!("|{}", cells.collect::<String>());
        if number == 0 {
            let rules = widths.iter().map(|width| "-".repeat(width + 2) + "|");
            println!("|{}", rules.collect::<String>());
        }
    }
}
