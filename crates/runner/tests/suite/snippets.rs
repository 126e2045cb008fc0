//! The examples of the documentation: every YAML block is tried, and `docs/language.md` has one for every key.
//!
//! The first line of a block says what it is: `# flow check`, `# flow run` with arguments, `# expected: CODE` for one that
//! goes wrong, `# flow test` for cases of the block above it, `# file: NAME` (also `# connectors/NAME`) for a file beside
//! the blocks below it, up to the next heading; `# part of` and `# not a workflow` for what cannot be tried.

use std::collections::BTreeSet;
use std::path::Path;

use flow_engine::document::keys;
use flow_engine::source::SourceFile;
use flow_engine::yaml::{self, Node, NodeKind};

use crate::support::{entries, root, run};

/// A block of code in a page.
pub(crate) struct Block {
    /// Page and line.
    pub(crate) place: String,
    /// The heading it stands under, by number.
    pub(crate) section: usize,
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
}

/// A file beside an example: its path and its text.
type Beside = (String, String);

enum Kind {
    Check,
    Run(Vec<String>),
    Wrong(String),
}

/// A block that is tried.
struct Example {
    place: String,
    kind: Kind,
    text: String,
    files: Vec<Beside>,
    /// The block below it, if that is one of `# flow test`.
    cases: Option<String>,
}

/// The blocks of a page, in order.
pub(crate) fn blocks(path: &Path) -> Vec<Block> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut found, mut section) = (Vec::new(), 0);
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.trim().strip_prefix("```") else {
            section += usize::from(line.starts_with("## "));
            continue;
        };
        let body = lines.by_ref().map(|(_, line)| line);
        found.push(Block {
            place: format!("{}:{}", path.display(), at + 1),
            section,
            language: language.to_owned(),
            lines: body
                .take_while(|line| line.trim() != "```")
                .map(str::to_owned)
                .collect(),
        });
    }
    found
}

/// The examples of a page, and the blocks that do not say what they are.
fn examples(path: &Path) -> (Vec<Example>, Vec<String>) {
    let (mut found, mut unmarked) = (Vec::new(), Vec::new());
    let (mut files, mut section) = (Vec::<Beside>::new(), 0);
    for block in blocks(path) {
        if section != block.section {
            (files, section) = (Vec::new(), block.section);
        }
        let first = block.lines.first().map_or("", String::as_str);
        let connector = first
            .strip_prefix("# ")
            .filter(|name| name.starts_with("connectors/"));
        if let Some(name) = first.strip_prefix("# file: ").or(connector) {
            let text = block.lines[1..].join(
                "
",
            ) + "
";
            files.push((name.trim().to_owned(), text));
            continue;
        }
        if block.language != "yaml"
            || first.starts_with("# part of")
            || first.starts_with("# not a workflow")
        {
            continue;
        }
        if first.trim() == "# flow test" {
            let example: &mut Example = found.last_mut().expect("cases stand below a workflow");
            example.cases = Some(block.lines.join("\n") + "\n");
            continue;
        }
        let kind = if let Some(rest) = first.strip_prefix("# flow run") {
            Kind::Run(rest.split_whitespace().map(str::to_owned).collect())
        } else if first == "# flow check" {
            Kind::Check
        } else if let Some(code) = first.strip_prefix("# expected: ") {
            Kind::Wrong(code.to_owned())
        } else {
            unmarked.push(block.place);
            continue;
        };
        found.push(Example {
            place: block.place,
            kind,
            text: block.lines.join("\n") + "\n",
            files: files.clone(),
            cases: None,
        });
    }
    (found, unmarked)
}

/// The pages for people: those of errors have a test of their own.
fn all_examples() -> (Vec<Example>, Vec<String>) {
    let mut pages = vec![root().join("README.md"), root().join("examples/README.md")];
    pages.extend(
        entries(&root().join("docs"))
            .into_iter()
            .filter(|path| path.is_file()),
    );
    let (mut found, mut unmarked) = (Vec::new(), Vec::new());
    for page in pages
        .iter()
        .filter(|page| page.extension().is_some_and(|own| own == "md"))
    {
        let (more, without) = examples(page);
        found.extend(more);
        unmarked.extend(without);
    }
    (found, unmarked)
}

/// A project folder with these files, whatever lies above it.
pub(crate) fn folder_with(files: &[Beside]) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("flow.toml"), "")?;
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(path, text)?;
    }
    Ok(folder)
}

fn try_out(example: &Example) -> Result<(), String> {
    let own = ("snippet.yml".to_owned(), example.text.clone());
    let cases = example.cases.clone();
    let cases = cases.map(|text| ("snippet.test.yml".to_owned(), text));
    let files: Vec<Beside> = example
        .files
        .iter()
        .cloned()
        .chain([own])
        .chain(cases)
        .collect();
    let folder = folder_with(&files).map_err(|error| format!("{}: {error}", example.place))?;
    let said = |command: &str, code: i32, err: &str| {
        format!("{}: flow {command} ended with {code}\n{err}", example.place)
    };
    let (code, _, err) = run(folder.path(), &["check", "snippet.yml"]);
    if example.cases.is_some() {
        let (code, _, err) = run(folder.path(), &["test"]);
        if code != 0 {
            return Err(said("test", code, &err));
        }
    }
    let is_there = |err: &str, wanted: &str| err.contains(&format!("error[{wanted}]"));
    match &example.kind {
        Kind::Check if code == 0 => Ok(()),
        Kind::Wrong(wanted) if code != 0 && is_there(&err, wanted) => Ok(()),
        Kind::Run(_) | Kind::Wrong(_) if code == 0 => {
            let mut arguments = vec!["run", "snippet.yml", "--sandbox"];
            if let Kind::Run(more) = &example.kind {
                arguments.extend(more.iter().map(String::as_str));
            }
            let (code, _, err) = run(folder.path(), &arguments);
            match &example.kind {
                Kind::Wrong(wanted) if code != 0 && is_there(&err, wanted) => Ok(()),
                Kind::Run(_) if code == 0 => Ok(()),
                _ => Err(said("run", code, &err)),
            }
        }
        _ => Err(said("check", code, &err)),
    }
}

#[test]
fn every_example_of_the_documentation_does_what_it_says() {
    let (examples, unmarked) = all_examples();
    assert!(examples.len() >= 40, "only {} examples", examples.len());
    assert!(
        unmarked.is_empty(),
        "the first line of these blocks does not say what they are:\n{}",
        unmarked.join("\n")
    );
    // Side by side: most of their time is spent waiting.
    let failures: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = examples
            .iter()
            .map(|example| scope.spawn(move || try_out(example)))
            .collect();
        tried
            .into_iter()
            .filter_map(|thread| thread.join().expect("the thread ends").err())
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Where maps of the language stand: in a map of this kind, behind this key (`*` is any), a map of that kind.
const INSIDE: &[(&str, &str, &str)] = &[
    ("workflow", "inputs", "inputs"),
    ("workflow", "connections", "connections"),
    ("workflow", "defaults", "defaults"),
    ("workflow", "on", "on"),
    ("workflow", "concurrency", "concurrency"),
    ("workflow", "budget", "budget"),
    ("workflow", "steps", "steps"),
    ("workflow", "finally", "steps"),
    ("inputs", "*", "input"),
    ("connections", "*", "connection"),
    ("connection", "limits", "limits"),
    ("defaults", "run", "defaults.run"),
    ("defaults", "retry", "retry"),
    ("on", "*", "trigger"),
    ("trigger", "cursor", "cursor"),
    ("steps", "*", "step"),
    ("step", "steps", "steps"),
    ("step", "finally", "steps"),
    ("step", "for_each", "for_each"),
    ("step", "repeat", "repeat"),
    ("step", "retry", "retry"),
    ("step", "undo", "undo"),
    ("step", "cache", "cache"),
    ("step", "concurrency", "concurrency"),
    ("step", "budget", "budget"),
    ("undo", "retry", "retry"),
];

/// The keys that a text uses, each with its place.
fn used(place: &str, node: &Node, found: &mut BTreeSet<(String, String)>) {
    if place == "input" {
        let kind = node
            .as_scalar()
            .or_else(|| member(node, "type")?.as_scalar());
        found.extend(kind.map(|kind| ("type of input".to_owned(), kind.text.to_string())));
    }
    let NodeKind::Map(entries) = &node.kind else {
        return;
    };
    let is_one = |key: &str| keys::TRIGGER_WORDS.contains(&key) || key == "every";
    let place = match place {
        "on" if entries.iter().any(|entry| is_one(&entry.key)) => "trigger",
        "for_each" if member(node, "in").is_none() => return,
        place => place,
    };
    for entry in entries.iter() {
        found.insert((place.to_owned(), entry.key.to_string()));
        let inside = INSIDE
            .iter()
            .find(|(at, key, _)| *at == place && (*key == "*" || *key == &*entry.key));
        if let Some((_, _, inside)) = inside {
            used(inside, &entry.value, found);
        }
    }
}

fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let NodeKind::Map(entries) = &node.kind else {
        return None;
    };
    let entry = entries.iter().find(|entry| &*entry.key == key)?;
    Some(&entry.value)
}

#[test]
fn the_language_page_uses_every_key() {
    let path = root().join("docs/language.md");
    let mut found = BTreeSet::new();
    for example in examples(&path).0 {
        let (node, _) = yaml::read(&SourceFile::new("snippet.yml", &*example.text));
        used("workflow", &node, &mut found);
        for (name, text) in &example.files {
            // The tables of the settings, such as `[defaults]` and `[connections.team]`.
            let tables = text.lines().filter(|_| name == "flow.toml");
            let tables = tables.filter_map(|line| line.strip_prefix('[')?.split(['.', ']']).next());
            found.extend(tables.map(|table| ("project".to_owned(), table.to_owned())));
        }
    }
    let step: Vec<&str> = keys::STEP
        .iter()
        .map(|(key, _)| *key)
        .chain(keys::Verb::ALL.map(keys::Verb::as_str))
        .collect();
    let all: [(&str, &[&str]); 17] = [
        ("workflow", keys::WORKFLOW),
        ("step", &step),
        ("undo", keys::UNDO),
        ("for_each", keys::FOR_EACH),
        ("repeat", keys::REPEAT),
        ("concurrency", keys::CONCURRENCY),
        ("budget", keys::BUDGET),
        ("cache", keys::CACHE),
        ("defaults", keys::DEFAULTS),
        ("defaults.run", keys::DEFAULTS_RUN),
        ("limits", keys::LIMITS),
        ("connection", keys::CONNECTION),
        ("project", keys::PROJECT),
        ("cursor", keys::CURSOR),
        ("input", keys::INPUT),
        ("type of input", keys::INPUT_TYPES),
        ("trigger", keys::TRIGGER),
    ];
    let all = all.into_iter().chain([("retry", keys::RETRY)]);
    let missing: Vec<String> = all
        .flat_map(|(place, keys)| {
            keys.iter()
                .map(move |key| (place.to_owned(), (*key).to_owned()))
        })
        .filter(|key| !found.contains(key))
        .map(|(place, key)| format!("{place}: `{key}`"))
        .collect();
    assert!(
        missing.is_empty(),
        "no example of docs/language.md uses\n{}",
        missing.join("\n")
    );
}

/// A line of the table in `examples/README.md`: the file, and what is typed.
fn commands() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("examples/README.md")).expect("it is there");
    let rows = text.lines().filter(|line| line.starts_with("| ["));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let file = cells[1].split(['[', ']']).nth(1).unwrap_or_default();
        // In `about`, the code that one ends with which fails on purpose.
        let code = cells[2].split("exit code ").nth(1).unwrap_or("0");
        let typed = cells[cells.len() - 2].trim_matches('`');
        (file.to_owned(), format!("{code} {typed}"))
    };
    rows.map(row).collect()
}

/// Runs what the table says in a copy of the examples, and compares the exit code.
fn try_command(line: &str) -> Result<(), String> {
    let wrong = |error: std::io::Error| error.to_string();
    let mut words = line.split_whitespace();
    let expected = words.next();
    let folder = folder_with(&[]).map_err(wrong)?;
    copy(&root().join("examples"), &folder.path().join("examples")).map_err(wrong)?;
    let mut command = crate::support::flow(folder.path());
    for word in words {
        match word.split_once('=') {
            Some((name, value))
                if name
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_') =>
            {
                command.env(name, value);
            }
            _ if word == "flow" => {}
            _ => {
                command.arg(word);
            }
        }
    }
    let (code, _, err) = crate::support::texts(&command.output().map_err(wrong)?);
    if Some(code.to_string().as_str()) == expected {
        return Ok(());
    }
    Err(format!("{line}: ended with {code}\n{err}"))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for path in entries(from) {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[test]
fn every_example_file_is_listed_and_runs() {
    let commands = commands();
    let listed: BTreeSet<&str> = commands.iter().map(|(file, _)| file.as_str()).collect();
    let files: Vec<String> = entries(&root().join("examples"))
        .iter()
        .filter(|path| path.extension().is_some_and(|own| own == "yml"))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let missing: Vec<_> = files
        .iter()
        .filter(|file| !listed.contains(file.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in examples/README.md: {missing:?}");
    let failures: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = commands
            .iter()
            .map(|(_, line)| scope.spawn(move || try_command(line)))
            .collect();
        tried
            .into_iter()
            .filter_map(|thread| thread.join().expect("the thread ends").err())
            .collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The text that a page of an error ought to have, if it has another: what `flow check` says of the example above it. Pages
/// that tell of their example in words have nothing to compare.
fn with_what_is_said(path: &Path) -> Option<String> {
    let page = std::fs::read_to_string(path).ok()?;
    let (mut example, mut files) = (None, Vec::new());
    let mut said = page.clone();
    for block in blocks(path) {
        let first = block.lines.first().map_or("", String::as_str);
        let text = block.lines.join("\n") + "\n";
        if let Some(name) = first.strip_prefix("# file: ") {
            files.push((name.to_owned(), block.lines[1..].join("\n") + "\n"));
        } else if block.language == "yaml" {
            example = Some(text);
        } else if let (Some(example), "$ flow check example.yml") = (&example, first) {
            let own = ("example.yml".to_owned(), example.clone());
            let all: Vec<Beside> = files.iter().cloned().chain([own]).collect();
            let folder = folder_with(&all).expect("a folder");
            let (_, _, err) = run(folder.path(), &["check", "example.yml"]);
            said = said.replace(&text, &format!("{first}\n{}\n", findings_in(&err)));
        }
    }
    (said != page).then_some(said)
}

/// What was said, without the lines that count.
fn findings_in(err: &str) -> String {
    let counts = |line: &&str| {
        line.starts_with("✓ ")
            || (line.contains(" error")
                && line.contains(" warning")
                && line.starts_with(|first: char| first.is_ascii_digit()))
    };
    let lines: Vec<&str> = err.lines().filter(|line| !counts(line)).collect();
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn pages_of_errors_show_what_flow_check_says() {
    let mut wrong = Vec::new();
    for path in entries(&root().join("docs/errors")) {
        let Some(said) = with_what_is_said(&path) else {
            continue;
        };
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, said).expect("the tree can be written");
        } else {
            wrong.push(path.display().to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} pages show something else; UPDATE=1 cargo test writes them:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
