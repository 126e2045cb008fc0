//! The documentation tells the truth: codes and pages agree, tables are the engine's, links lead somewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flow_engine::document::keys;

use crate::support::{entries, root};

/// The areas of codes. A literal `area.what` in the sources is a code if its area is one of these.
const AREAS: [&str; 42] = [
    "backfill",
    "token",
    "api",
    "serve",
    "webhook",
    "answer",
    "batches",
    "budget",
    "openapi",
    "child",
    "flow",
    "include",
    "loop",
    "repeat",
    "test",
    "call",
    "check",
    "connection",
    "cron",
    "data",
    "descriptor",
    "file",
    "http",
    "input",
    "internal",
    "json",
    "jsonpath",
    "load",
    "page",
    "project",
    "run",
    "sandbox",
    "schedule",
    "schema",
    "secret",
    "shell",
    "step",
    "store",
    "template",
    "time",
    "value",
    "yaml",
];

/// Literals of that form that are something else.
const NO_CODES: [&str; 7] = [
    "flow.db",
    "flow.toml",
    "run.callback_url",
    "run.cancelled",
    "run.failed",
    "run.succeeded",
    "test.yml",
];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
}

/// Pages of the documentation, those of errors among them.
fn pages() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("examples/README.md")];
    files(&root().join("docs"), "md", &mut found);
    found
}

/// Every code that the sources of the crates name, tests left out.
fn codes() -> BTreeSet<String> {
    let mut sources = Vec::new();
    for path in entries(&root().join("crates")) {
        files(&path.join("src"), "rs", &mut sources);
    }
    let mut codes = BTreeSet::new();
    for path in sources {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem == "tests" || stem == "testing" {
            continue;
        }
        let text = read(&path);
        let lines = text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            for literal in line.split('"').skip(1).step_by(2) {
                if literal.starts_with("http.{") {
                    codes.insert("http.status".to_owned());
                } else if is_code(literal) {
                    codes.insert(literal.to_owned());
                }
            }
        }
    }
    codes
}

fn is_code(literal: &str) -> bool {
    let Some((area, what)) = literal.split_once('.') else {
        return false;
    };
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    AREAS.contains(&area) && word(what) && !NO_CODES.contains(&literal)
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes = codes();
    let mut pages = BTreeSet::new();
    let index = read(&root().join("docs/errors/README.md"));
    for path in entries(&root().join("docs/errors")) {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == "README" {
            continue;
        }
        assert!(
            read(&path).starts_with(&format!("# `{name}`\n")),
            "{name}.md has another title"
        );
        assert!(
            index.contains(&format!("({name}.md)")),
            "{name} is not in docs/errors/README.md"
        );
        pages.insert(name);
    }
    let missing: Vec<_> = codes.difference(&pages).collect();
    let unknown: Vec<_> = pages.difference(&codes).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "codes without a page: {missing:?}; pages without a code: {unknown:?}"
    );
}

#[test]
fn the_readme_has_the_two_commands() {
    let readme = read(&root().join("README.md"));
    let main_job = "<!-- ci: main-job -->\n```sh\ncargo run -- run workflows/classify-batch.yml --sandbox --input tickets=examples/data/tickets.jsonl\n```\n";
    let tests = "<!-- ci: tests -->\n```sh\ncargo test\n```\n";
    let (first, second) = (readme.find(main_job), readme.find(tests));
    assert!(
        first.is_some() && first < second,
        "README.md needs both commands, each alone in its block"
    );
}

#[test]
fn the_language_page_has_every_key() {
    let page = read(&root().join("docs/language.md"));
    let mut missing = Vec::new();
    let served = keys::WORKFLOW
        .iter()
        .chain(keys::STEP.iter().map(|(key, _)| key));
    let others = [
        keys::UNDO,
        keys::FOR_EACH,
        keys::REPEAT,
        keys::CONCURRENCY,
        keys::BUDGET,
        keys::CACHE,
        keys::DEFAULTS,
        keys::DEFAULTS_RUN,
        keys::LIMITS,
        keys::CONNECTION,
        keys::PROJECT,
        keys::CURSOR,
        keys::INPUT,
        keys::INPUT_TYPES,
        keys::TRIGGER,
        keys::RETRY,
    ];
    let others = others.into_iter().flatten();
    for key in served.chain(others) {
        let named = [
            format!("`{key}`"),
            format!("`{key}:"),
            format!("`{key},"),
            format!(" {key},"),
            format!(" {key}`"),
        ];
        if !named.iter().any(|form| page.contains(form)) {
            missing.push(format!("the key `{key}`"));
        }
    }
    assert!(
        missing.is_empty(),
        "docs/language.md lacks:\n{}",
        missing.join("\n")
    );
}

#[test]
fn links_lead_to_files() {
    let mut broken = Vec::new();
    for path in pages() {
        let text = read(&path);
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.trim_start().starts_with("```");
            if in_code {
                continue;
            }
            for rest in line.split("](").skip(1) {
                let target = rest.split(')').next().unwrap_or_default();
                let file = target.split('#').next().unwrap_or_default();
                let elsewhere = target.contains("://") || file.is_empty();
                if !elsewhere && !folder.join(file).exists() {
                    broken.push(format!("{}: {target}", path.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
