//! Workflows in workflows, texts from files, the project's settings: with the real binary, on a real store.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{flow, run};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &[("flow.toml", "")]);
    write(folder.path(), files);
    folder
}

#[test]
fn f11_a_child_that_fails_fails_its_step() {
    let folder = project(&[
        (
            "a.yml",
            "steps: { sub: { workflow: ./sub.yml, on_error: continue }, all: { workflow: lib/sum.yml, with: { n: 4 } } }\noutputs: { twice: '{{ steps.all.twice }}' }\n",
        ),
        (
            "sub.yml",
            "steps: { a: { action: flow.fail, with: { message: no } } }\n",
        ),
        (
            "lib/sum.yml",
            "inputs: { n: { type: integer } }\nsteps: { t: { value: '{{ inputs.n * 2 }}' } }\noutputs: { twice: '{{ steps.t }}' }\n",
        ),
    ]);
    let (code, stdout, stderr) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!((code, stdout.as_str()), (0, "twice: 8\n"), "{stderr}");
    assert!(
        stderr.contains("sub: failed") && stderr.contains("child.failed"),
        "{stderr}"
    );
    let (_, runs, _) = run(folder.path(), &["runs"]);
    assert_eq!(runs.lines().count(), 4, "a head and three runs:\n{runs}");
}

#[test]
fn c8_a_killed_parent_finds_its_child_again() {
    let folder = project(&[
        (
            "a.yml",
            "steps: { sub: { workflow: ./sub.yml } }\noutputs: { o: '{{ steps.sub.o }}' }\n",
        ),
        (
            "sub.yml",
            "steps:\n  one: { action: file.append, with: { path: log.txt, content: \"x\\n\" } }\n  wait: { trigger: time.after, with: { duration: 2s }, needs: one }\n  two: { value: 5, needs: wait }\noutputs: { o: '{{ steps.two }}' }\n",
        ),
    ]);
    let mut child = flow(folder.path())
        .args(["run", "a.yml"])
        .spawn()
        .expect("it starts");
    let until = Instant::now() + Duration::from_secs(20);
    while !folder.path().join("log.txt").exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    let (_, runs, _) = run(folder.path(), &["runs"]);
    let parent = runs
        .lines()
        .find(|line| line.contains(" a "))
        .expect("the parent is listed");
    let id = parent.split_whitespace().next().expect("an id").to_owned();
    let (code, stdout, stderr) = run(folder.path(), &["resume", &id]);
    assert_eq!((code, stdout.as_str()), (0, "o: 5\n"), "{stderr}");
    let log = std::fs::read_to_string(folder.path().join("log.txt")).expect("the log is there");
    assert_eq!(log, "x\n", "what the child had done is not done again");
    let (_, runs, _) = run(folder.path(), &["runs"]);
    assert_eq!(runs.lines().count(), 3, "one parent and one child:\n{runs}");
}

/// The child goes on for longer than its step, whose end is on disk when the process is killed: its own cancel is not.
fn killed_before_the_child_is_stopped(after: &str) -> (tempfile::TempDir, String) {
    let parent = format!(
        "steps:\n  sub: {{ workflow: ./sub.yml, timeout: 500ms, on_error: continue }}\n{after}"
    );
    let folder = project(&[
        ("a.yml", &parent),
        (
            "sub.yml",
            "steps:\n  wait: { trigger: time.after, with: { duration: 2s } }\n  two: { action: file.append, with: { path: log.txt, content: x }, needs: wait }\n",
        ),
    ]);
    let killed = flow(folder.path())
        .args(["run", "a.yml"])
        .env("FLOW_FAULTS", "driver.stop_child.before=abort")
        .output()
        .expect("it runs");
    assert_eq!(killed.status.code(), None, "it is killed");
    let (_, runs, _) = run(folder.path(), &["runs"]);
    let id_of = |name: &str| {
        let line = runs.lines().find(|line| line.contains(name));
        let id = line.and_then(|line| line.split_whitespace().next());
        id.unwrap_or_else(|| panic!("{name} in:\n{runs}"))
            .to_owned()
    };
    let id = id_of(if after.is_empty() { " sub " } else { " a " });
    (folder, id)
}

fn child_is_cancelled(folder: &Path) {
    let (_, runs, _) = run(folder, &["runs"]);
    let line_of = |name: &str| runs.lines().find(|line| line.contains(name)).unwrap_or("");
    assert!(line_of(" sub ").contains("cancelled"), "{runs}");
    let parent = line_of(" a ").split_whitespace().next().unwrap_or("none");
    let (_, json, _) = run(folder, &["runs", "--json", "--workflow", "sub"]);
    assert!(
        line_of(" sub ").ends_with(&format!("started by {parent}"))
            && json.contains(&format!("\"parent\": \"{parent}\"")),
        "{runs}{json}"
    );
    assert!(!folder.join("log.txt").exists(), "it did not go on");
}

#[test]
fn c8_a_stop_that_a_crash_lost_is_repeated() {
    let next = "  next: { trigger: time.after, with: { duration: 1s } }\n";
    let (folder, parent) = killed_before_the_child_is_stopped(next);
    let (code, _, stderr) = run(folder.path(), &["resume", &parent]);
    assert_eq!(code, 0, "{stderr}");
    child_is_cancelled(folder.path());
}

#[test]
fn c8_a_child_whose_parent_has_ended_ends_too() {
    let (folder, child) = killed_before_the_child_is_stopped("");
    let (code, _, stderr) = run(folder.path(), &["resume", &child]);
    assert_eq!(code, 5, "{stderr}");
    child_is_cancelled(folder.path());
}

#[test]
fn r10_commands_are_tried_once() {
    let folder = project(&[(
        "a.yml",
        "steps: { a: { run: 'echo x >> tries.txt; exit 1', on_error: continue }, b: { run: 'echo y >> tries.txt; exit 1', needs: [], retry: { attempts: 2, initial: 10ms, on: any }, effect: repeatable, if: \"failed('a')\" } }\n",
    )]);
    let (code, _, stderr) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!(code, 4, "{stderr}");
    let tries = std::fs::read_to_string(folder.path().join("tries.txt")).expect("it ran");
    assert_eq!(tries, "x\ny\ny\n");
}

#[test]
fn texts_and_settings_come_from_files_and_are_pinned() {
    let folder = project(&[
        (
            "flow.toml",
            "[vars]\nregion = \"eu\"\nplace = \"{{ vars.region }}-1\"\n\n[defaults.run.env]\nWHERE = \"{{ vars.place }}\"\n",
        ),
        (
            "flows/a.yml",
            "vars: { region: us }\nsteps:\n  say: { run: !text say.sh }\n  note: { value: !template notes/n.md }\n  raw: { value: !raw \"{{ not a template }}\" }\noutputs: { said: \"{{ steps.say.stdout | trim }}\", note: \"{{ steps.note | trim }}\", raw: \"{{ steps.raw }}\" }\n",
        ),
        ("flows/say.sh", "echo \"in $WHERE {{ plain }}\"\n"),
        ("flows/notes/n.md", "Region {{ vars.region }}.\n"),
    ]);
    let (code, stdout, stderr) = run(folder.path(), &["run", "flows/a.yml"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        stdout,
        "said: in us-1 {{ plain }}\nnote: Region us.\nraw: '{{ not a template }}'\n"
    );
    write(
        folder.path(),
        &[("flows/notes/n.md", "Region {{ vars.regio }}.\n")],
    );
    let (code, _, stderr) = run(folder.path(), &["check", "flows/a.yml"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("flows/notes/n.md:1:11"), "{stderr}");
    // What ran is shown as it ran.
    let (_, runs, _) = run(folder.path(), &["runs"]);
    let id = runs.lines().nth(1).and_then(|line| line.split(' ').next());
    let (code, shown, stderr) = run(folder.path(), &["show", id.expect("an id")]);
    assert_eq!(code, 0, "{stderr}");
    assert!(shown.contains("Region us."), "{shown}");
}

#[test]
fn secrets_that_inputs_name_by_themselves_are_looked_up() {
    let folder = project(&[
        (
            "a.yml",
            "inputs:\n  key: { type: secret, default: ONE, enum: [ONE, TWO] }\nsteps:\n  sub: { workflow: ./sub.yml }\n  say: { run: 'echo ${#KEY}', env: { KEY: '{{ inputs.key }}' } }\noutputs: { own: '{{ steps.say.stdout | trim }}', of_child: '{{ steps.sub.length }}' }\n",
        ),
        (
            "sub.yml",
            "inputs: { key: { type: secret, default: THREE } }\nsteps: { say: { run: 'echo ${#KEY}', env: { KEY: '{{ inputs.key }}' } } }\noutputs: { length: '{{ steps.say.stdout | trim }}' }\n",
        ),
    ]);
    let with = |arguments: &[&str], set: &[(&str, &str)]| {
        let mut command = flow(folder.path());
        command.args(arguments).envs(set.iter().copied());
        let output = command.output().expect("flow runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let three = [("ONE", "1"), ("TWO", "22"), ("THREE", "333")];
    let (out, err) = with(&["run", "a.yml"], &three);
    assert_eq!(out, "own: '1'\nof_child: '3'\n", "{err}");
    let (out, err) = with(&["run", "a.yml", "--input", "key=TWO"], &three);
    assert_eq!(out, "own: '2'\nof_child: '3'\n", "{err}");
    let (_, err) = with(&["run", "a.yml", "--input", "key=HOME"], &three);
    assert!(err.contains("HOME is not one of ONE, TWO"), "{err}");
    let (_, err) = with(&["run", "a.yml"], &three[1..]);
    assert!(err.contains("[secret.missing]: the secret `ONE`"), "{err}");
}

#[test]
fn what_flow_run_cannot_serve_is_refused_before_it_starts() {
    let folder = project(&[(
        "a.yml",
        "steps: { last: { query: state.get, with: { key: last } } }\n",
    )]);
    let (code, _, stderr) = run(folder.path(), &["check", "a.yml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("warning[check.not_served]"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("error[check.not_served]"), "{stderr}");
    let (_, runs, _) = run(folder.path(), &["runs"]);
    assert_eq!(runs, "", "nothing was started");
}

#[test]
fn items_that_are_picked_from_a_stream_are_those_of_a_list() {
    let lines = (0..12_000).map(|n| format!("{{\"n\":{n},\"odd\":{}}}", n % 2 == 1));
    let lines = lines.collect::<Vec<_>>().join("\n");
    let folder = project(&[
        ("items.jsonl", &lines),
        (
            "a.yml",
            r#"
steps:
  read: { query: file.read, with: { path: items.jsonl } }
  odd:
    for_each: steps.read
    where: item.odd
    key: "'k' ~ item.n"
    value: "{{ item.n }}"
  chunks:
    for_each: steps.read
    chunk: 7
    value: "{{ item | length }}"
outputs:
  odd: "{{ steps.odd.values | length }}"
  sum: "{{ steps.odd.values | sum }}"
  chunks: "{{ steps.chunks.count }}"
  items: "{{ steps.chunks.values | sum }}"
"#,
        ),
        (
            "twice.yml",
            r#"
steps:
  read: { query: file.read, with: { path: items.jsonl } }
  each:
    for_each: steps.read
    key: "item.n % 11999"
    value: "{{ item.n }}"
"#,
        ),
    ]);
    let (code, stdout, stderr) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "odd: 6000\nsum: 36000000\nchunks: 1715\nitems: 12000\n"),
        "{stderr}"
    );
    let (code, _, stderr) = run(folder.path(), &["run", "twice.yml"]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("two items have the key 0"), "{stderr}");
}
