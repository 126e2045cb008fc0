//! Wrong files: `tests/check/NAME.yml` and what `flow check` says of it in `NAME.txt`.

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
    let findings: Vec<serde_json::Value> = serde_json::from_str(&stdout).expect("JSON");
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
