//! Wrong files: `tests/check/NAME.yml` and what `flow check` says of it in `NAME.txt`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{entries, expect, root, run};

#[test]
fn wrong_files_get_the_answers_in_the_tree() {
    let folder = root().join("tests/check");
    let mut cases = 0;
    for path in entries(&folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
    {
        let name = path
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        let (code, stdout, stderr) = run(&folder, &["check", &name]);
        let expected = if stderr.contains("error[") { 3 } else { 0 };
        assert_eq!((code, stdout.as_str()), (expected, ""), "{name}: {stderr}");
        assert!(stderr.contains("]: "), "{name}: nothing was said");
        for finding in stderr.split("\n\n").filter(|part| part.contains("]: ")) {
            assert!(
                finding.contains("= help: "),
                "{name}: no way out: {finding}"
            );
        }
        expect(&path.with_extension("txt"), &stderr);
        cases += 1;
    }
    assert!(cases >= 130, "{cases} cases");
}

#[test]
fn eight_mistakes_have_eight_places() {
    let (code, stdout, _) = run(
        &root().join("tests/check"),
        &["check", "--json", "eight_mistakes.yml"],
    );
    assert_eq!(code, 3);
    let log: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&log["errors"], &log["warnings"]), (&8.into(), &0.into()));
    let findings = log["findings"].as_array().expect("findings");
    let found: Vec<String> = findings
        .iter()
        .map(|finding| {
            assert!(
                finding["help"]
                    .as_str()
                    .is_some_and(|help| !help.is_empty()),
                "{finding}"
            );
            format!(
                "{} {}:{}",
                finding["code"].as_str().unwrap_or_default(),
                finding["line"],
                finding["column"]
            )
        })
        .collect();
    let expected = [
        "check.unknown_operation 13:13",
        "check.type 20:19",
        "check.missing_parameter 23:3",
        "check.unknown_step 29:27",
        "jsonpath.syntax 30:20",
        "check.cycle 32:3",
        "schema.unknown_field 40:5",
        "yaml.unquoted_template 44:12",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_workflows_and_examples_of_the_tree_are_right() {
    for folder in ["workflows", "examples"] {
        for path in entries(&root().join(folder))
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        {
            let (code, _, stderr) = run(&root(), &["check", &path.display().to_string()]);
            assert_eq!(code, 0, "{stderr}");
        }
    }
}

/// A project folder with these files.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let all = files.iter().chain(&[("flow.toml", "")]);
    for (name, text) in all {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

const GOOD: &str = "steps: { a: { value: 1 } }\n";

fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let (_, stdout, stderr) = run(folder, arguments);
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[test]
fn folders_are_looked_through_for_workflows() {
    let folder = project(&[
        ("a.yml", GOOD),
        ("sub/b.yaml", GOOD),
        (
            "sub/flow_style.yml",
            "{ flow: 1, steps: { a: { value: 1 } } }\n",
        ),
        ("sub/broken.yml", "steps:\n  a: [\n"),
        ("world.yml", "fetch: [503, 200]\n"),
        ("notes.md", "steps:\n"),
        (".hidden/c.yml", "steps: 5\n"),
        ("node_modules/c.yml", "steps: 5\n"),
        ("target/c.yml", "steps: 5\n"),
        (".flow/c.yml", "steps: 5\n"),
    ]);
    let expected = [
        "a.yml",
        "sub/b.yaml",
        "sub/broken.yml",
        "sub/flow_style.yml",
    ];
    for arguments in [&["check", "--json"][..], &["check", "--json", "."]] {
        let log = json_of(folder.path(), arguments);
        let names: Vec<_> = log["files"].as_array().expect("files").iter().collect();
        let names: Vec<_> = names.iter().map(|file| file["file"].as_str()).collect();
        assert_eq!(names, expected.map(Some), "{log:#}");
        assert_eq!(log["skipped"], json!(["world.yml"]));
        assert_eq!(log["errors"], 1);
    }
    let (code, stdout, stderr) = run(folder.path(), &["check"]);
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert!(stderr.contains("- world.yml is left out"), "{stderr}");
    assert!(
        stderr.ends_with("4 files checked: 1 error, 0 warnings\n"),
        "{stderr}"
    );
    // From a folder inside, the project is still what is checked.
    let inside = json_of(&folder.path().join("sub"), &["check", "--json"]);
    assert_eq!(inside["files"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_file_that_is_named_must_be_a_workflow() {
    let folder = project(&[("world.yml", "fetch: [503, 200]\n"), ("empty/x.txt", "")]);
    let (code, _, stderr) = run(folder.path(), &["check", "world.yml"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("schema.unknown_field"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["check", "empty"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("load.no_files"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["check", "missing.yml"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("file.unreadable"), "{stderr}");
}

#[test]
fn y23_two_files_with_one_name() {
    let named = "name: daily\nsteps: { a: { value: 1 } }\n";
    let folder = project(&[
        ("a.yml", named),
        ("b.yml", named),
        ("c.yml", GOOD),
        ("c.yaml", GOOD),
    ]);
    let log = json_of(folder.path(), &["check", "--json"]);
    let found: Vec<_> = log["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .collect();
    let said: Vec<_> = found
        .iter()
        .map(|it| (it["code"].as_str(), it["message"].as_str()))
        .collect();
    let code = Some("load.duplicate_name");
    let expected = [
        (
            code,
            Some("the workflow `daily` is defined twice: in a.yml and in b.yml"),
        ),
        (
            code,
            Some("the workflow `c` is defined twice: in c.yaml and in c.yml"),
        ),
    ];
    assert_eq!(said, expected);
    assert_eq!(
        (&found[0]["file"], &found[0]["line"], &found[0]["column"]),
        (&json!("b.yml"), &json!(1), &json!(7))
    );
    // One file named twice is one file.
    assert_eq!(run(folder.path(), &["check", "a.yml", "./a.yml"]).0, 0);
}

#[test]
fn the_json_of_a_finding_has_its_places_and_edits() {
    let folder = project(&[(
        "a.yml",
        "steps:\n  fetch_all: { value: 1 }\n  é: { value: 2 }\n  b: { value: 2, needs: fetch_al }\n  b: { value: 3 }\n",
    )]);
    let log = json_of(folder.path(), &["check", "--json", "a.yml"]);
    let find = |code: &str| {
        let findings = log["findings"].as_array().expect("findings");
        findings
            .iter()
            .find(|it| it["code"] == code)
            .unwrap_or_else(|| panic!("{log:#}"))
    };
    let expected = json!({
        "file": "a.yml",
        "code": "check.unknown_need",
        "severity": "error",
        "message": "step `b` needs `fetch_al`, which is not defined",
        "line": 4, "column": 25, "end_line": 4, "end_column": 33, "offset": 76, "end_offset": 84,
        "label": "no step has this name",
        "help": "did you mean `fetch_all`?",
        "related": [],
        "edits": [{
            "line": 4, "column": 25, "end_line": 4, "end_column": 33, "offset": 76, "end_offset": 84,
            "text": "fetch_all",
        }],
        "page": "docs/errors/check.unknown_need.md",
    });
    assert_eq!(find("check.unknown_need"), &expected);
    let twice = find("yaml.duplicate_key");
    assert_eq!(twice["related"][0]["line"], 4);
    assert_eq!(twice["related"][0]["message"], "the first one");
    assert_eq!(twice["edits"], json!([]));
}

/// What the schema of SARIF 2.1.0 requires, and what its sections 3.27 and 3.30 say of results and regions.
#[test]
fn the_sarif_log_has_what_the_standard_asks_for() {
    let folder = project(&[
        (
            "dir with space/a.yml",
            "steps:\n  é: { value: 1 }\n  b_step: { value: 2, needs: b_stepp }\n",
        ),
        ("b.yml", "steps: { a: { run: ls }, b: { run: ls } }\n"),
    ]);
    let log = json_of(folder.path(), &["check", "--sarif"]);
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .is_some_and(|it| it.ends_with("sarif-schema-2.1.0.json"))
    );
    let one = &log["runs"][0];
    assert_eq!(one["columnKind"], "unicodeCodePoints");
    let driver = &one["tool"]["driver"];
    assert_eq!(driver["name"], "flow");
    let rules = driver["rules"].as_array().expect("rules");
    for rule in rules {
        let page = rule["helpUri"].as_str().expect("a page");
        assert_eq!(
            page,
            format!("docs/errors/{}.md", rule["id"].as_str().expect("an id"))
        );
        assert!(root().join(page).is_file(), "{page}");
    }
    let results = one["results"].as_array().expect("results");
    assert_eq!(results.len(), 3, "{log:#}");
    for result in results {
        let rule = result["ruleIndex"].as_u64().expect("an index");
        assert_eq!(
            rules[usize::try_from(rule).expect("small")]["id"],
            result["ruleId"]
        );
        assert!(["error", "warning"].contains(&result["level"].as_str().expect("a level")));
        assert!(
            result["message"]["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(
            ["b.yml", "dir%20with%20space/a.yml"].contains(&uri),
            "{uri}"
        );
        for key in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(
                place["region"][key].as_u64().is_some_and(|it| it > 0),
                "{result}"
            );
        }
    }
    let need = results
        .iter()
        .find(|it| it["ruleId"] == "check.unknown_need")
        .expect("it");
    let region = json!({ "startLine": 3, "startColumn": 30, "endLine": 3, "endColumn": 37 });
    let change = &need["fixes"][0]["artifactChanges"][0];
    assert_eq!(
        change["artifactLocation"]["uri"],
        "dir%20with%20space/a.yml"
    );
    assert_eq!(
        change["replacements"],
        json!([{ "deletedRegion": region, "insertedContent": { "text": "b_step" } }])
    );
    let warning = results
        .iter()
        .find(|it| it["level"] == "warning")
        .expect("a warning");
    assert_eq!(
        warning["relatedLocations"][0]["message"]["text"],
        "the other one"
    );
    let (code, _, _) = run(folder.path(), &["check", "--json", "--sarif"]);
    assert_eq!(code, 2);
}
