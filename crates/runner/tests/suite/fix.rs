//! `flow fix`: `tests/fix/NAME.yml` becomes `NAME.expected.yml`, and `NAME.txt` is what was said.

use std::path::Path;

use crate::support::{entries, expect, root, run};

/// The cases of a folder: files whose name has one dot.
fn cases(folder: &Path) -> Vec<String> {
    let names = entries(folder).into_iter().filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let stem = name.strip_suffix(".yml")?.to_owned();
        (!stem.contains('.')).then_some(stem)
    });
    names.collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a file")
}

#[test]
fn files_are_mended_as_the_tree_says() {
    let tree = root().join("tests/fix");
    let cases = cases(&tree);
    for name in &cases {
        let folder = tempfile::tempdir().expect("a folder");
        let file = format!("{name}.yml");
        write(folder.path(), "flow.toml", "");
        write(folder.path(), &file, &read(&tree, &file));
        let (code, stdout, stderr) = run(folder.path(), &["fix", &file]);
        expect(
            &tree.join(format!("{name}.expected.yml")),
            &read(folder.path(), &file),
        );
        expect(&tree.join(format!("{name}.txt")), &stderr);
        assert_eq!(stdout, "");
        assert_eq!(
            code,
            if stderr.ends_with(" 0 errors left\n") {
                0
            } else {
                3
            }
        );
        // A second time there is nothing to do.
        let mended = read(folder.path(), &file);
        let (_, _, again) = run(folder.path(), &["fix", &file]);
        assert!(again.contains("0 findings mended in 0 files"), "{again}");
        assert_eq!(read(folder.path(), &file), mended);
    }
    assert!(cases.len() >= 4, "{} cases", cases.len());
}

#[test]
fn a_dry_run_writes_nothing_and_prints_a_diff() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "# kept\nsteps:\n  a: { value: 1, timout: 5m }   # kept too\n";
    write(folder.path(), "flow.toml", "");
    write(folder.path(), "a.yml", text);
    let expected = "--- a/a.yml\n+++ b/a.yml\n@@ -1,3 +1,3 @@\n # kept\n steps:\n-  a: { value: 1, timout: 5m }   # kept too\n+  a: { value: 1, timeout: 5m }   # kept too\n";
    for option in ["--dry-run", "--diff"] {
        let (code, stdout, stderr) = run(folder.path(), &["fix", option]);
        assert_eq!((code, stdout.as_str()), (0, expected), "{stderr}");
        assert!(
            stderr.ends_with("1 finding can be mended in 1 file, 0 errors left\n"),
            "{stderr}"
        );
        assert_eq!(read(folder.path(), "a.yml"), text);
    }
    assert_eq!(run(folder.path(), &["check"]).0, 3);
    assert_eq!(run(folder.path(), &["fix"]).0, 0);
    assert_eq!(run(folder.path(), &["check"]).0, 0);
}

#[cfg(unix)]
#[test]
fn permissions_links_and_marks_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("real.yml");
    write(folder.path(), "flow.toml", "");
    write(
        folder.path(),
        "real.yml",
        "\u{feff}stpes:\r\n  a: { value: 1 }\r\n",
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
    std::os::unix::fs::symlink("real.yml", folder.path().join("link.yml")).expect("a link");
    let (code, _, stderr) = run(folder.path(), &["fix", "link.yml"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        read(folder.path(), "real.yml"),
        "\u{feff}steps:\r\n  a: { value: 1 }\r\n"
    );
    let link = std::fs::symlink_metadata(folder.path().join("link.yml")).expect("a link");
    assert!(link.file_type().is_symlink());
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    // One that must not be written is named and left as it is; no other file stays behind.
    write(folder.path(), "real.yml", "stpes:\n  a: { value: 1 }\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).expect("mode");
    let (code, _, stderr) = run(folder.path(), &["fix", "real.yml"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("file.unwritable"), "{stderr}");
    assert!(read(folder.path(), "real.yml").starts_with("stpes"));
    assert_eq!(entries(folder.path()).len(), 3);
}
