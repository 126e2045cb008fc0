//! Every error code has a case: those of the checker in `tests/check`, others where they belong, and here those that a person
//! meets on the command line or in a run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{entries, root, run};

/// A code, the files of the folder, the command, and its exit code.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    i32,
);

const INPUTS: &str = "inputs:\n  size: { type: integer, min: 1, max: 10 }\n  mode: { type: string, enum: [fast, slow], default: fast }\n  code: { type: string, pattern: '[A-Z]{3}', default: ABC }\nsteps: { a: { value: '{{ inputs.size }}' } }\n";
const SHOP: &str = "handle: shop\nservice: { baseURL: 'https://{{tenant}}.example.com' }\nresources:\n  - handle: orders\n    operations: { read: { method: GET, path: '/orders/{{id}}', parameters: { id: { required: true } } } }\n";

const MODELS: &str = "steps: { a: { query: claude.models.list, pages: 1 }, b: { action: file.write, with: { path: o.txt, content: x }, needs: a } }\n";

const CASES: &[Case] = &[
    (
        "batches.key",
        &[(
            "a.yml",
            "steps: { a: { query: batches.pack, with: { requests: [{ custom_id: 'a b' }] } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "input.template",
        &[(
            "a.yml",
            "inputs: { n: { type: integer } }\non: { webhook: a/b, verify: none, inputs: { n: '{{ trigger.body.n }}' } }\nsteps: { a: { value: '{{ inputs.n }}' } }\n",
        )],
        &["run", "a.yml", "--event", "body={}"],
        3,
    ),
    (
        "batches.results_gone",
        &[(
            "a.yml",
            "steps: { a: { query: batches.in_time, with: { batch: { id: b, created_at: '2026-01-01T00:00:00Z' }, now: '2026-01-30T00:00:00Z' } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "token.name",
        &[],
        &["token", "new", "a b", "--scope", "read"],
        2,
    ),
    ("token.unknown", &[], &["token", "revoke", "nobody"], 2),
    (
        "token.file",
        &[(".flow/tokens.json", "{")],
        &["token", "list"],
        7,
    ),
    (
        "run.no_budget",
        &[],
        &["resume", "01", "--budget", "usd=much"],
        2,
    ),
    (
        "budget.spent",
        &[(
            "a.yml",
            "budget: { tokens: 9, when_spent: fail }\nsteps: { a: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: Hello }] } } }\n",
        )],
        &["run", "a.yml", "--sandbox"],
        4,
    ),
    (
        "budget.held",
        &[(
            "a.yml",
            "steps: { a: { budget: { usd: 0.000001 }, action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: Hello }] } } }\n",
        )],
        &["run", "a.yml", "--sandbox"],
        6,
    ),
    (
        "budget.no_price",
        &[(
            "a.yml",
            "budget: { usd: 1 }\nsteps: { a: { action: claude.messages.create, with: { model: claude-mythos-5-2, max_tokens: 9, messages: [{ role: user, content: Hello }] } } }\n",
        )],
        &["run", "a.yml", "--sandbox"],
        4,
    ),
    (
        "test.shape",
        &[
            ("a.yml", MODELS),
            ("a.test.yml", "cases: { a: { expect: { took: long } } }\n"),
        ],
        &["test", "a.test.yml"],
        3,
    ),
    (
        "test.file",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { inputs: { t: !text missing.txt } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        3,
    ),
    (
        "test.answer",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: { fail: http.timeout, done: perhaps } } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        3,
    ),
    (
        "test.input",
        &[
            ("a.yml", INPUTS),
            ("a.test.yml", "cases: { a: { inputs: { size: many } } }\n"),
        ],
        &["test", "a.test.yml"],
        3,
    ),
    (
        "test.workflow",
        &[
            ("a.yml", MODELS),
            ("a.test.yml", "workflow: ./moved.yml\ncases: { a: {} }\n"),
        ],
        &["test", "a.test.yml"],
        3,
    ),
    (
        "test.unknown_name",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { expect: { steps: { nope: succeeded } } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        3,
    ),
    (
        "test.unscripted",
        &[("a.yml", MODELS), ("a.test.yml", "cases: { a: {} }\n")],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.status",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { status: failed } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.outputs",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { outputs: { x: 1 } } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.step",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { steps: { a: failed } } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.took",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { took: 5s } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.calls",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { calls: { claude.models.list: 7 } } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.journal",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { journal: [run_started] } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.not_undone",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { not_undone: [b] } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.files",
        &[
            ("a.yml", MODELS),
            (
                "a.test.yml",
                "cases: { a: { operations: { claude.models.list: [[]], file.write: {} }, expect: { files: { o.txt: y } } } }\n",
            ),
        ],
        &["test", "a.test.yml"],
        4,
    ),
    (
        "test.no_case",
        &[("a.yml", MODELS), ("a.test.yml", "cases: { a: {} }\n")],
        &["test", "a.test.yml", "--case", "zzz"],
        2,
    ),
    ("input.missing", &[("a.yml", INPUTS)], &["run", "a.yml"], 3),
    (
        "input.unknown",
        &[("a.yml", INPUTS)],
        &["run", "a.yml", "--input", "sise=1"],
        3,
    ),
    (
        "input.type",
        &[("a.yml", INPUTS)],
        &["run", "a.yml", "--input", "size=big"],
        3,
    ),
    (
        "input.range",
        &[("a.yml", INPUTS)],
        &["run", "a.yml", "--input", "size=11"],
        3,
    ),
    (
        "input.enum",
        &[("a.yml", INPUTS)],
        &[
            "run",
            "a.yml",
            "--input",
            "size=1",
            "--input",
            "mode=medium",
        ],
        3,
    ),
    (
        "input.pattern",
        &[("a.yml", INPUTS)],
        &["run", "a.yml", "--input", "size=1", "--input", "code=abc"],
        3,
    ),
    (
        "input.twice",
        &[("a.yml", INPUTS)],
        &["run", "a.yml", "--input", "size=1", "--input", "size=2"],
        3,
    ),
    ("run.unknown", &[("a.yml", INPUTS)], &["show", "zzz"], 2),
    (
        "schedule.trigger",
        &[(
            "a.yml",
            "on: { webhook: shop/orders, verify: none }\nsteps: { a: { value: 1 } }\n",
        )],
        &["schedule", "next", "a.yml", "--trigger", "nightly"],
        2,
    ),
    (
        "schedule.backfill",
        &[("a.yml", "on: { every: 1h }\nsteps: { a: { value: 1 } }\n")],
        &[
            "backfill",
            "a.yml",
            "--from",
            "2026-01-02",
            "--to",
            "2026-01-01",
        ],
        2,
    ),
    (
        "webhook.trigger",
        &[("a.yml", "on: { every: 1h }\nsteps: { a: { value: 1 } }\n")],
        &["webhook", "send", "a.yml"],
        2,
    ),
    (
        "run.trigger",
        &[(
            "a.yml",
            "on: { webhook: shop/orders, verify: none }\nsteps: { a: { value: '{{ trigger.body }}' } }\n",
        )],
        &["run", "a.yml"],
        2,
    ),
    (
        "call.method",
        &[(
            "a.yml",
            "steps: { a: { action: http.request, with: { method: 'G T', url: 'http://127.0.0.1:9/' } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "data.key",
        &[(
            "a.yml",
            "steps: { a: { query: data.count_by, with: { items: [{ t: [a] }], by: item.t } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "value.not_a_list",
        &[
            (
                "a.yml",
                "inputs: { path: { type: string, default: w.json } }\nsteps: { r: { query: file.read, with: { path: '{{ inputs.path }}', as: json } }, m: { for_each: steps.r, value: 1 } }\n",
            ),
            ("w.json", "\"word\""),
        ],
        &["run", "a.yml"],
        4,
    ),
    (
        "time.time",
        &[(
            "a.yml",
            "inputs: { when: { type: string, default: noon } }\nsteps: { a: { trigger: time.at, with: { time: '{{ inputs.when }}' } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "time.duration",
        &[(
            "a.yml",
            "inputs: { d: { type: string, default: long } }\nsteps: { a: { trigger: time.after, with: { duration: '{{ inputs.d }}' } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "loop.key",
        &[(
            "a.yml",
            "steps: { a: { for_each: '[1, 1]', key: item, value: 1 } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "repeat.max",
        &[(
            "a.yml",
            "steps: { a: { value: 1, repeat: { until: result == 2, max: 2 } } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "shell.is_folder",
        &[
            ("scripts/x", ""),
            ("a.yml", "steps: { a: { run: [./scripts] } }\n"),
        ],
        &["run", "a.yml"],
        4,
    ),
    (
        "shell.too_long",
        &[(
            "a.yml",
            "steps: { t: { run: 'head -c 60000 /dev/zero | tr \"\\\\0\" x' }, a: { run: 'true', env: { T: '{{ steps.t.stdout }}{{ steps.t.stdout }}{{ steps.t.stdout }}' }, needs: t } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "http.dns",
        &[(
            "a.yml",
            "steps: { a: { query: http.get, with: { url: 'https://no-such-host.invalid/' }, retry: 1 } }\n",
        )],
        &["run", "a.yml"],
        4,
    ),
    (
        "connection.missing_setting",
        &[("connectors/shop.yaml", SHOP)],
        &["call", "shop.orders.read", "id=7"],
        4,
    ),
    (
        "descriptor.template",
        &[("connectors/shop.yaml", QUERY)],
        &["connectors"],
        3,
    ),
    (
        "project.syntax",
        &[
            ("flow.toml", "vars = {\n"),
            ("a.yml", "steps: { a: { value: 1 } }\n"),
        ],
        &["check", "a.yml"],
        3,
    ),
    (
        "schema.unknown_field",
        &[
            ("flow.toml", "[var]\na = 1\n"),
            ("a.yml", "steps: { a: { value: 1 } }\n"),
        ],
        &["check", "a.yml"],
        3,
    ),
    ("run.retention", &[], &["runs", "prune"], 2),
    ("store.backup_exists", &[], &["backup", "."], 2),
    (
        "schema.duration",
        &[("flow.toml", "[retention]\nruns = \"soon\"\n")],
        &["runs", "prune"],
        3,
    ),
    (
        "serve.address",
        &[("flow.toml", "[serve]\naddress = 'here'\n")],
        &["serve"],
        3,
    ),
    ("serve.address", &[], &["serve", "--listen", "localhost"], 2),
    (
        "serve.exposed",
        &[("flow.toml", "[serve]\naddress = '0.0.0.0:0'\n")],
        &["serve"],
        3,
    ),
    (
        "serve.no_token",
        &[],
        &["serve", "--listen", "0.0.0.0:0", "--behind-proxy"],
        3,
    ),
    (
        "serve.certificate",
        &[(
            "flow.toml",
            "[serve]\ntls = { certificate = 'flow.toml', key = 'flow.toml' }\n",
        )],
        &["serve"],
        3,
    ),
    (
        "serve.key_readable",
        &[
            (
                "flow.toml",
                "[serve]\ntls = { certificate = 'c.pem', key = 'k.pem' }\n",
            ),
            ("c.pem", include_str!("../tls/first.pem")),
            ("k.pem", include_str!("../tls/first.key")),
        ],
        &["serve"],
        3,
    ),
    (
        "connection.certificate",
        &[
            ("connectors/shop.yaml", AUTHORITY),
            ("notes.txt", "no certificate"),
        ],
        &["call", "shop.orders.list"],
        4,
    ),
    (
        "openapi.version",
        &[("api.yaml", "swagger: '2.0'\npaths: {}\n")],
        &["connector", "import", "api.yaml"],
        3,
    ),
    (
        "openapi.not_openapi",
        &[("api.yaml", "steps: {}\n")],
        &["connector", "import", "api.yaml"],
        3,
    ),
    (
        "openapi.nothing",
        &[("api.yaml", API)],
        &["connector", "import", "api.yaml", "--only", "customers"],
        3,
    ),
    (
        "openapi.exists",
        &[("api.yaml", API), ("connectors/shop.yaml", SHOP)],
        &["connector", "import", "api.yaml"],
        2,
    ),
    (
        "yaml.unclosed",
        &[("api.json", "{\"openapi\": \"3.0.0\"\n")],
        &["connector", "import", "api.json"],
        3,
    ),
    (
        "descriptor.reference",
        &[("api.yaml", API)],
        &["connector", "import", "api.yaml", "--name", "file"],
        3,
    ),
    (
        "descriptor.template",
        &[("connectors/shop.yaml", QUERY)],
        &["connector", "check"],
        3,
    ),
    (
        "file.unreadable",
        &[("connectors/shop.yaml", SHOP)],
        &["connector", "check", "shopp"],
        2,
    ),
    (
        "check.unknown_connector",
        &[],
        &["connector", "test", "file"],
        2,
    ),
    (
        "sandbox.faults",
        &[("faults.yml", "- then: { explode: true }\n")],
        &["sandbox", "--faults", "faults.yml"],
        3,
    ),
];

/// A path with a question mark.
const QUERY: &str = "handle: shop\nservice: { baseURL: 'https://shop.example.com' }\nresources:\n  - handle: orders\n    operations: { list: { method: GET, path: '/orders?status={{status}}' } }\n";

/// A connector that trusts what a file says.
const AUTHORITY: &str = "handle: shop\nservice: { baseURL: 'https://shop.example.com', tls: { authority: notes.txt } }\nresources:\n  - handle: orders\n    operations: { list: { method: GET } }\n";

/// A document of a service.
const API: &str = "openapi: 3.0.0\ninfo: { title: Shop }\nservers: [{ url: 'https://shop.example.com' }]\npaths: { /orders: { get: { responses: { '200': { description: ok } } } } }\n";

/// Codes that no test can bring about by what a person writes, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("call.prepared", "a journal of a newer version"),
    (
        "descriptor.condition",
        "a service whose answer does not fit its own descriptor",
    ),
    (
        "openapi.too_large",
        "a document of many megabytes; those of the import come near it",
    ),
    ("descriptor.look", "the checker refuses what leads to it"),
    (
        "file.denied",
        "tests run as root in CI, to whom nothing is denied",
    ),
    (
        "file.io",
        "a disk that fails: the storage faults of durable runs",
    ),
    (
        "file.no_space",
        "a full disk: the storage faults of durable runs",
    ),
    ("file.too_many", "a folder of more than 100,000 entries"),
    ("http.client", "a machine without certificates"),
    ("internal.poll", "a bug"),
    ("webhook.timeout", "a body that comes for ten seconds"),
    ("api.timeout", "a body that comes for ten seconds"),
    ("token.too_many", "a thousand tokens"),
    ("internal.error", "a bug"),
    ("internal.not_a_call", "a bug"),
    ("internal.not_a_hold", "a bug"),
    ("internal.panic", "a bug"),
    ("internal.runtime", "a machine without threads"),
    ("load.too_many_files", "more than 100,000 files"),
    (
        "load.not_formatted",
        "no layout is known that the formatter cannot write",
    ),
    ("loop.failed", "every failed item tells its failure"),
    (
        "run.bundle",
        "a version that refuses what an earlier one took",
    ),
    (
        "shell.output_too_large",
        "a command that writes more than 256 MiB",
    ),
    (
        "shell.lost",
        "a system that does not tell how a process ended",
    ),
];

#[test]
fn mistakes_get_their_codes() {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let tried: Vec<_> = CASES
            .iter()
            .map(|case| scope.spawn(move || try_out(case)))
            .collect();
        let ended = tried
            .into_iter()
            .map(|thread| thread.join().expect("it ends"));
        ended.filter_map(Result::err).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn try_out((code, files, arguments, exit): &Case) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a file");
    for (name, text) in *files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let (found, stdout, stderr) = run(folder.path(), arguments);
    let said = stderr.contains(&format!("[{code}]"));
    if found == *exit && said {
        return Ok(());
    }
    Err(format!(
        "{code}: {arguments:?} ended with {found}\n{stdout}{stderr}"
    ))
}

/// Codes of commands about runs: `run.ended`, `run.ambiguous`, `run.unknown_step`, `run.not_interrupted`, `sandbox.start`.
#[test]
fn commands_about_runs_say_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write("flow.toml", "");
    write("a.yml", "steps: { a: { value: 1 } }\n");
    write("once.yml", "steps: { a: { run: 'kill -9 $PPID' } }\n");
    let said = |arguments: &[&str], code: &str| {
        let (_, _, stderr) = run(folder.path(), arguments);
        assert!(
            stderr.contains(&format!("[{code}]")),
            "{arguments:?}: {stderr}"
        );
    };
    run(folder.path(), &["run", "a.yml"]);
    let (_, runs, _) = run(folder.path(), &["runs"]);
    let id = runs.lines().nth(1).and_then(|line| line.split(' ').next());
    said(&["resume", id.expect("an id")], "run.ended");
    run(folder.path(), &["run", "a.yml"]);
    said(&["show", "0"], "run.ambiguous");
    // The command kills the process that started it: nobody knows how the step ended.
    run(folder.path(), &["run", "once.yml"]);
    said(&["resume", "--retry", "b"], "run.unknown_step");
    run(folder.path(), &["resume"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    said(&["sandbox", "--port", &port], "sandbox.start");
    write(
        "wait.yml",
        "steps: { one: { run: 'kill -9 $PPID' }, two: { value: 1, needs: one } }\n",
    );
    run(folder.path(), &["run", "wait.yml"]);
    said(&["resume", "--skip", "two"], "run.not_interrupted");
}

#[test]
fn every_code_has_a_case() {
    let mut told = String::new();
    read_all(&root().join("tests"), &mut told);
    for crate_folder in entries(&root().join("crates")) {
        read_all(&crate_folder.join("tests"), &mut told);
        read_tests_of(&crate_folder.join("src"), &mut told);
    }
    // A code in this file counts only as a case of it.
    let own = include_str!("codes.rs");
    told = told.replace(own, "");
    told.extend(CASES.iter().map(|(code, ..)| format!("{code}\n")));
    let of_runs = "run.ended run.ambiguous run.unknown_step run.not_interrupted sandbox.start\n";
    told.push_str(of_runs);
    let known: BTreeSet<&str> = WITHOUT.iter().map(|(code, _)| *code).collect();
    let mut without = Vec::new();
    let mut needless = Vec::new();
    for page in entries(&root().join("docs/errors")) {
        let code = page
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if code == "README" {
            continue;
        }
        let has = told.match_indices(&code).any(|(at, _)| {
            let after = told[at + code.len()..].chars().next();
            !after.is_some_and(|letter| letter.is_ascii_lowercase() || letter == '_')
        });
        match (has, known.contains(code.as_str())) {
            (false, false) => without.push(code),
            (true, true) => needless.push(code),
            _ => {}
        }
    }
    assert!(
        without.is_empty() && needless.is_empty(),
        "codes without a case: {without:?}; excused, but they have one: {needless:?}"
    );
}

fn read_all(folder: &Path, text: &mut String) {
    let Ok(listed) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in listed.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, text);
        } else if let Ok(content) = std::fs::read_to_string(&path) {
            text.push_str(&content);
        }
    }
}

/// The tests that stand beside the code: modules of tests, and what follows `#[cfg(test)]`.
fn read_tests_of(folder: &Path, text: &mut String) {
    let Ok(listed) = std::fs::read_dir(folder) else {
        return;
    };
    let paths: Vec<PathBuf> = listed
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    for path in paths {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name == "bad_input") {
                read_all(&path, text);
            } else {
                read_tests_of(&path, text);
            }
            continue;
        }
        let content = std::fs::read_to_string(&path).unwrap_or_default();
        let is_tests = path.file_stem().is_some_and(|name| name == "tests");
        if is_tests {
            text.push_str(&content);
        } else if let Some(at) = content.find("#[cfg(test)]\nmod ") {
            text.push_str(&content[at..]);
        }
    }
}
