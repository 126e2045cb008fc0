//! `flow fmt`: `tests/fmt/NAME.yml` becomes `NAME.expected.yml`; and what must hold for every text.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flow_engine::catalog::Catalog;
use flow_engine::format::{FormatError, format};
use flow_engine::source::SourceFile;

use flow_engine::document::NoFiles;

use crate::support::{entries, expect, flow, root, run, texts};

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                yaml_files(&path, found);
            }
        } else if name.ends_with(".yml") || name.ends_with(".yaml") {
            found.push(path);
        }
    }
}

/// The formatted text; it is its own formatted text. `None` where the text cannot be read.
#[track_caller]
fn formatted(name: &str, text: &str) -> Option<String> {
    match format(&SourceFile::new(name, text)) {
        Ok(once) => {
            let twice = format(&SourceFile::new(name, &*once)).expect("it can be formatted again");
            assert_eq!(twice, once, "{name}");
            Some(once)
        }
        Err(FormatError::Unreadable(_)) => None,
        Err(error) => panic!("{name}: {error}:\n{text}"),
    }
}

#[test]
fn texts_are_written_as_the_tree_says() {
    let folder = root().join("tests/fmt");
    let mut cases = 0;
    for path in entries(&folder) {
        let name = path.display().to_string();
        let Some(stem) = name
            .strip_suffix(".yml")
            .filter(|stem| !stem.ends_with(".expected"))
        else {
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let found = formatted(&name, &text).expect("it can be read");
        expect(Path::new(&format!("{stem}.expected.yml")), &found);
        cases += 1;
    }
    assert!(cases >= 4, "{cases} cases");
}

/// Every file of the tree, as it is and in other layouts. That the meaning stays is held by the function itself, which
/// gives no text that means something else.
#[test]
fn every_text_of_the_tree_keeps_its_meaning_and_is_stable() {
    let mut files = Vec::new();
    yaml_files(&root(), &mut files);
    assert!(files.len() > 40, "{} files", files.len());
    let mut read = 0;
    for path in files {
        let name = path.display().to_string();
        // One of the wrong files is no UTF-8.
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let Some(plain) = formatted(&name, &text) else {
            continue;
        };
        read += 1;
        let crlf = plain.replace('\n', "\r\n");
        assert_eq!(formatted(&name, &crlf), Some(plain.clone()), "{name}");
        let mut wide = plain.clone();
        for factor in [2, 3] {
            wide = indented(&plain, factor);
            formatted(&name, &wide);
        }
        let trailing = wide.replace('\n', "\n\n\n\n");
        formatted(&name, &trailing);
        let loose = plain
            .replace("{{ ", "{{")
            .replace(" }}", "   }}")
            .replace(": ", ":   ");
        formatted(&name, &loose);
    }
    assert!(read > 30, "{read} files");
}

/// Texts that were damaged: whatever they are now, formatting and mending end in an answer.
#[test]
fn damaged_texts_cause_no_panic() {
    const PIECES: [&str; 16] = [
        "\t", "{{", "}}", ": ", "- ", "|", ">", "\"", "'", "\r\n", "#", "é", "&a ", "*a", "  ",
        "!raw ",
    ];
    let mut files = Vec::new();
    for folder in [
        "examples",
        "workflows",
        "tests/fmt",
        "tests/fix",
        "tests/check",
    ] {
        yaml_files(&root().join(folder), &mut files);
    }
    // Numbers of a fixed sequence: a failure comes back.
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below.max(1)
    };
    let catalog = Catalog::default();
    for path in files {
        // One of the wrong files is no UTF-8.
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for _ in 0..40 {
            let mut letters: Vec<char> = text.chars().collect();
            for _ in 0..=draw(3) {
                let at = draw(letters.len());
                if draw(2) == 0 {
                    letters.drain(at..(at + 1 + draw(4)).min(letters.len()));
                } else {
                    let piece: Vec<char> = PIECES[draw(PIECES.len())].chars().collect();
                    letters.splice(at..at, piece);
                }
            }
            let damaged: String = letters.iter().collect();
            let source = SourceFile::new("damaged.yml", &*damaged);
            if let Ok(once) = format(&source) {
                let twice = format(&SourceFile::new("damaged.yml", &*once));
                assert_eq!(twice.as_ref(), Ok(&once), "{damaged}");
            }
            flow_engine::edit::mend(&source, |text| {
                let (document, findings) = flow_engine::document::parse(text, &NoFiles);
                flow_engine::workflow::check(&document, &catalog, &NoFiles, findings).1
            });
        }
    }
}

/// The text with every line indented by a multiple of what it is.
fn indented(text: &str, factor: usize) -> String {
    let lines = text.lines().map(|line| {
        let own = line.len() - line.trim_start_matches(' ').len();
        format!(
            "{}{}\n",
            " ".repeat(own * factor),
            line.trim_start_matches(' ')
        )
    });
    lines.collect()
}

#[test]
fn our_own_workflows_are_formatted() {
    let (code, stdout, stderr) = run(&root(), &["fmt", "--check", "workflows", "examples"]);
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
}

#[test]
fn files_are_rewritten_or_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    write("flow.toml", "");
    write(
        "a.yml",
        "steps:\n    a: {value:   \"{{inputs.x}}\"}   # kept\n",
    );
    write("b.yml", "steps:\n  a: { value: 1 }\n");
    write("broken.yml", "steps:\n  a: [\n");
    write("world.yml", "fetch:   [1]\n");
    let (code, stdout, _) = run(folder.path(), &["fmt", "--check", "a.yml", "b.yml"]);
    assert_eq!((code, stdout.as_str()), (3, "a.yml\n"));
    assert!(read("a.yml").contains("    a:"));
    let (code, _, stderr) = run(folder.path(), &["fmt"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("yaml.unclosed"), "{stderr}");
    assert!(
        stderr.ends_with("1 file formatted, 1 left alone\n"),
        "{stderr}"
    );
    assert_eq!(
        read("a.yml"),
        "steps:\n  a: {value: \"{{ inputs.x }}\"}   # kept\n"
    );
    assert_eq!(read("world.yml"), "fetch:   [1]\n");
    assert_eq!(
        run(folder.path(), &["fmt", "--check", "a.yml", "b.yml"]).0,
        0
    );
}

#[test]
fn stdin_goes_to_stdout() {
    let try_out = |arguments: &[&str], text: &str| {
        let mut child = flow(&root())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("it reads");
        drop(stdin);
        texts(&child.wait_with_output().expect("it ends"))
    };
    let (code, stdout, _) = try_out(&["fmt", "-"], "\u{feff}steps:\r\n    a: 1");
    assert_eq!((code, stdout.as_str()), (0, "steps:\n  a: 1\n"));
    let (code, stdout, _) = try_out(&["fmt", "--check", "-"], "a:  1\n");
    assert_eq!((code, stdout.as_str()), (3, "-\n"));
    let (code, stdout, stderr) = try_out(&["fmt", "-"], "a: [\n");
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
}
