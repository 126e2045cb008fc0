//! `docs/rules.md`: each rule of the language has cases that are there, and there are many cases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flow_backend::conformance::CASES;

use crate::support::{entries, root, run};

const RULES: usize = 42;
const CASES_MIN: usize = 300;
const SERVED_BY: [&str; 3] = ["durable runs", "claude client", "daemon"];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of the rows that begin with `| rule N |`, each with its number.
fn rows(page: &str) -> Vec<(usize, Vec<String>)> {
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix("| rule ")?.split(" | ").collect();
        let number = cells.first()?.trim().parse().ok()?;
        let rest = cells.iter().skip(1);
        let cell = |text: &&str| text.trim_end_matches(" |").trim().to_owned();
        Some((number, rest.map(cell).collect()))
    };
    page.lines().filter_map(row).collect()
}

pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|own| own == "rs") {
            found.push(path);
        }
    }
}

/// Why a case is none: a file of the tree, or `file.rs::test`.
pub(crate) fn missing(case: &str, sources: &[PathBuf]) -> Option<String> {
    let Some((file, name)) = case.split_once("::") else {
        let known = case.starts_with("tests/") || case.starts_with("examples/");
        return (!known || !root().join(case).exists()).then(|| format!("`{case}` is not there"));
    };
    let head = format!("fn {name}(");
    let mut files = sources.iter().filter(|path| path.ends_with(file));
    let there = files.any(|path| read(path).contains(&head));
    (!there).then(|| format!("no `{file}` has a test `{name}`"))
}

#[test]
fn every_rule_has_cases_that_are_there() {
    let page = read(&root().join("docs/rules.md"));
    let (rules, later) = page.split_once("## Served later").expect("two tables");
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let mut wrong = Vec::new();
    let rules = rows(rules);
    let numbers: Vec<_> = rules.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=RULES).collect::<Vec<_>>());
    for (number, cells) in rules {
        let [_, cases] = cells.as_slice() else {
            panic!("rule {number}: {cells:?}");
        };
        let cases: BTreeSet<_> = cases
            .split(", ")
            .map(|case| case.trim_matches('`'))
            .collect();
        let found = cases.iter().filter_map(|case| missing(case, &files));
        wrong.extend(found.map(|why| format!("rule {number}: {why}")));
    }
    for (number, cells) in rows(later) {
        let fits = cells
            .get(1)
            .is_some_and(|by| SERVED_BY.contains(&by.as_str()));
        if !fits || !(1..=RULES).contains(&number) {
            wrong.push(format!("served later: rule {number}: {cells:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The YAML files of a folder, relative to the root.
fn yaml(folder: &str) -> Vec<String> {
    let names = entries(&root().join(folder)).into_iter();
    names
        .filter(|path| path.extension().is_some_and(|own| own == "yml"))
        .map(|path| format!("{folder}/{}", path.file_name().expect("a name").display()))
        .collect()
}

/// How many of these files `flow check` refuses.
fn refused(files: &[String]) -> usize {
    let mut arguments = vec!["check", "--json"];
    arguments.extend(files.iter().map(String::as_str));
    let (_, out, err) = run(&root(), &arguments);
    let log: serde_json::Value = serde_json::from_str(&out).expect(&err);
    let files = log["files"].as_array().expect("files");
    files.iter().filter(|file| file["errors"] != 0).count()
}

/// How many cases the case files of a folder have.
fn played(folder: &str) -> usize {
    let (code, out, err) = run(&root(), &["test", "--json", folder]);
    assert_eq!(code, 0, "{err}");
    let log: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    log["cases"]
        .as_array()
        .or(log.as_array())
        .expect("cases")
        .len()
}

#[test]
fn there_are_many_cases() {
    let semantics = read(&root().join("docs/semantics.md"));
    let is_row = |line: &&str| {
        let cell = line
            .strip_prefix("| ")
            .and_then(|rest| rest.split(' ').next());
        let digits = cell.and_then(|cell| cell.strip_prefix(char::is_uppercase));
        digits.is_some_and(|rest| rest.parse::<u32>().is_ok())
    };
    let nested = read(&root().join("crates/backend/tests/suite/nested.rs"));
    let counts = [
        ("tests/check", yaml("tests/check").len()),
        ("tests/schema/wrong", refused(&yaml("tests/schema/wrong"))),
        ("tests/workflows", played("tests/workflows")),
        ("workflows", played("workflows")),
        (
            "docs/semantics.md",
            semantics.lines().filter(is_row).count(),
        ),
        ("conformance", CASES.len()),
        ("nested.rs", nested.matches("\n    check(").count()),
    ];
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    println!("{all} cases: {counts:?}");
    assert!(all >= CASES_MIN, "{all} cases: {counts:?}");
}
