//! What is left of many rounds of create, break and release: nothing.

use std::fs;

use crate::place::{LOG, Place};
use crate::program::{Report, last};

/// How long the rounds may take, when no number of them was asked for.
const SECONDS: &str = "25";

/// Open files and threads of a process.
fn held(process: u32) -> (usize, usize) {
    let count = |what: &str| {
        let folder = format!("/proc/{process}/{what}");
        fs::read_dir(folder).unwrap().count()
    };
    (count("fd"), count("task"))
}

/// What only this process has in memory.
fn memory_kib(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn rounds(place: &Place, rounds: &str, more: &[&str]) -> Report {
    let (mut warm, mut over) = ((0, 0), (0, 0));
    let mut memory = Vec::new();
    let mut program = place.program("rounds").arg(rounds).arg(SECONDS).arg(LOG);
    for argument in more {
        program = program.arg(argument);
    }
    let report = program.run_with(|at, facts| {
        if at != "round" {
            memory.push(memory_kib(last(facts, "process")));
        }
        match at {
            "warm" => warm = held(place.pid()),
            "over" => over = held(place.pid()),
            // The disk that the round left; the array would fill.
            _ => {
                let copies = place.copies();
                let names: Vec<&str> = copies.iter().map(String::as_str).collect();
                place.vss(&[&["lun", "delete"], &names[..]].concat());
            }
        }
        String::new()
    });
    println!("files and threads of vssd: {warm:?}, then {over:?}");
    for name in ["rounds", "handles", "heap", "course", "strings"] {
        println!("{name}: {:?}", report.facts.get(name));
    }
    println!("memory of the program: {memory:?} KiB");
    if more.is_empty() {
        assert!(memory[1] <= memory[0] + 2048, "{memory:?}");
    }
    // The pool of threads for waiting calls grows and shrinks by itself.
    assert!(over.0 <= warm.0 + 4 && over.1 <= warm.1 + 16);
    report
}

#[test]
fn nothing_is_left() {
    let place = Place::new();
    let number = std::env::var("VSS_COM_ROUNDS").unwrap_or_else(|_| "0".to_owned());
    rounds(&place, &number, &[]).good(6);
    assert!(place.sets().is_empty());
    let sessions = place.json(&["status"]);
    assert_eq!(sessions["operations"].as_array().unwrap().len(), 0);
}

/// Control: a requester that forgets strings and an operation in each round is found out.
#[test]
fn a_leak_is_found() {
    let place = Place::new();
    let report = rounds(&place, "100", &["leak"]);
    assert_eq!(report.code, Some(1), "{}", report.said);
    for name in ["handles", "blocks of the heap", "allocations of COM"] {
        assert!(
            report.failed.iter().any(|line| line.starts_with(name)),
            "{}",
            report.said
        );
    }
}
