//! Who gets in: every route of the document with every kind of credentials. A new route is tried by itself.

use serde_json::Value;

use super::{Api, document};
use crate::support::{run, until};

/// A route as the document has it.
struct Route {
    method: String,
    path: String,
    class: String,
    has_body: bool,
}

fn routes() -> Vec<Route> {
    let document = document();
    let mut routes = Vec::new();
    for (path, of_path) in document["paths"].as_object().expect("paths") {
        for (method, operation) in of_path.as_object().expect("operations") {
            routes.push(Route {
                method: method.to_uppercase(),
                path: path.clone(),
                class: operation["x-class"].as_str().expect("a class").to_owned(),
                has_body: operation["requestBody"] != Value::Null,
            });
        }
    }
    assert!(routes.len() >= 20, "{} routes", routes.len());
    routes
}

impl Route {
    /// Its address, of things that are there.
    fn filled(&self, run: &str, hash: &str) -> String {
        let filled = [
            ("{workflow}", "hello"),
            ("{trigger}", "nightly"),
            ("{run}", run),
            ("{step}", "greet"),
            ("{hash}", hash),
            ("{path}", "guarded"),
            ("{backfill}", "0b7a"),
            ("{signature}", "AAAA"),
        ];
        let mut path = format!("/{}", self.path);
        for (name, value) in filled {
            path = path.replace(name, value);
        }
        assert!(!path.contains('{'), "what stands for {path}?");
        path
    }
}

#[test]
fn every_route_with_every_kind_of_credentials() {
    let api = Api::start(&[], &[]);
    let other = Api::start(&[], &[]);
    let run_id = api.hello();
    let hash = api.get(&format!("/runs/{run_id}")).json()["version"]
        .as_str()
        .expect("a hash")
        .to_owned();
    let (reader, runner) = (api.token("reader", "read"), api.token("runner", "run"));
    let revoked = api.token("gone", "admin");
    assert_eq!(run(api.path(), &["token", "revoke", "gone"]).0, 0);
    let unknown = format!("flow_{}", "A".repeat(43));
    let before = api.runs();
    for route in routes() {
        let path = route.filled(&run_id, &hash);
        let body = route.has_body.then_some(b"{}".as_slice());
        let ask = |path: &str, authorization: Option<String>| {
            let mut headers = Vec::new();
            if let Some(authorization) = &authorization {
                headers.push(("authorization", authorization.as_str()));
            }
            if body.is_some() {
                headers.push(("content-type", "application/json"));
            }
            api.ask(&route.method, path, &headers, body)
        };
        let shown = format!("{} {}", route.method, route.path);
        let bearer = |token: &str| Some(format!("Bearer {token}"));
        let kinds = [
            ("none", None, 401),
            ("empty", Some(String::new()), 401),
            ("another scheme", Some(format!("Basic {}", api.admin)), 401),
            ("no scheme", Some(api.admin.clone()), 401),
            ("rubbish", bearer("let me in"), 401),
            ("well formed, but unknown", bearer(&unknown), 401),
            ("revoked", bearer(&revoked), 401),
            ("of another project", bearer(&other.admin), 401),
        ];
        for (kind, authorization, status) in kinds {
            let answer = ask(&path, authorization);
            match &*route.class {
                "public" => assert_eq!(answer.status, 200, "{shown}: {kind}"),
                // An address that nobody handed out is no other than one that is not there.
                "webhook" if route.path.starts_with("/callbacks/") => {
                    assert_eq!(answer.status, 404, "{shown}: {kind}: {}", answer.body);
                }
                _ => assert_eq!(answer.status, status, "{shown}: {kind}: {}", answer.body),
            }
        }
        if matches!(&*route.class, "public" | "webhook") {
            continue;
        }
        let in_query = format!("{path}?token={}", api.admin);
        assert_eq!(ask(&in_query, None).status, 400, "{shown}: in the query");
        let both = ask(&in_query, bearer(&api.admin));
        assert_eq!(both.code(), "api.token_in_query", "{shown}");
        // Too small a scope is refused, the right one is not.
        let scopes = [("read", &reader), ("run", &runner), ("admin", &api.admin)];
        let needed = scopes.iter().position(|(scope, _)| *scope == route.class);
        let needed = needed.unwrap_or_else(|| panic!("{shown} is of class {}", route.class));
        for (at, (scope, token)) in scopes.iter().enumerate() {
            // What the right one may is tried where it belongs.
            let (path, expected) = if at < needed {
                (path.clone(), 403)
            } else {
                (format!("{path}?nothing=here"), 400)
            };
            let answer = ask(&path, bearer(token));
            let code = if at < needed {
                "api.scope"
            } else {
                "api.parameter"
            };
            let found = (answer.status, answer.code());
            assert_eq!(found, (expected, code.to_owned()), "{shown}: {scope}");
        }
    }
    assert_eq!(api.runs(), before, "nothing was started");
    let nightly = api.get("/triggers/hello/nightly").json();
    assert_eq!(nightly["paused_at"], Value::Null, "{nightly}");
    // What came along is said nowhere.
    for line in api.daemon.lines() {
        assert!(!line.contains("flow_"), "{line}");
    }
    assert_eq!(other.daemon.stop(), 0);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn what_is_not_there_is_as_closed_as_what_is() {
    let api = Api::start(&[], &[]);
    let known = api.ask("GET", "/runs", &[], None);
    assert_eq!((known.status, &*known.code()), (401, "api.unauthorized"));
    assert!(
        known.head.contains("www-authenticate: bearer"),
        "{}",
        known.head
    );
    for (method, path) in [
        ("GET", "/nothing"),
        ("GET", "//api"),
        ("GET", "//api/"),
        ("GET", "//api/v2/runs"),
        ("GET", "//apix"),
        ("DELETE", "/runs"),
        ("OPTIONS", "/runs"),
        ("GET", "/runs/healthz"),
        ("GET", "/runs/../../../healthz"),
        ("GET", "/runs/x/../../../healthz"),
    ] {
        let answer = api.ask(method, path, &[], None);
        assert_eq!(
            (answer.status, &answer.body),
            (401, &known.body),
            "{method} {path}"
        );
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn tokens_come_and_go_beside_a_running_daemon() {
    let api = Api::start(&[], &[]);
    let token = api.token("ci", "run");
    let ask = || {
        let authorization = format!("Bearer {token}");
        api.ask("GET", "/runs", &[("authorization", &authorization)], None)
    };
    assert_eq!(ask().status, 200);
    let flow = |arguments: &[&str]| run(api.path(), arguments);
    let (_, listed, _) = flow(&["token", "list"]);
    assert!(
        listed.contains("admin  admin") && listed.contains("ci     run"),
        "{listed}"
    );
    let (_, listed, _) = flow(&["token", "list", "--json"]);
    assert!(
        !listed.contains("hash") && listed.contains("\"ci\""),
        "{listed}"
    );
    let (code, _, said) = flow(&["token", "new", "ci", "--scope", "read"]);
    assert!(code == 2 && said.contains("[token.name]"), "{said}");
    let (code, _, said) = flow(&["token", "revoke", "cj"]);
    assert!(code == 2 && said.contains("did you mean `ci`?"), "{said}");
    assert_eq!(flow(&["token", "revoke", "ci"]).0, 0);
    assert_eq!(ask().status, 401);
    // Nothing of the store holds a token, but for the file of the first.
    let kept = std::fs::read_to_string(api.path().join(".flow/tokens.json")).expect("it is there");
    assert!(!kept.contains("flow_"), "{kept}");
    let first = api.path().join(".flow/admin.token");
    assert_eq!(flow(&["token", "revoke", "admin"]).0, 0);
    assert!(!first.exists(), "it opens nothing any more");
    assert_eq!(api.get("/runs").status, 401);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
#[cfg(unix)]
fn the_first_token_is_made_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let api = Api::start(&[], &[]);
    for name in ["admin.token", "tokens.json"] {
        let file = std::fs::metadata(api.path().join(".flow").join(name)).expect("it is there");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
    until("it says where the token is", || {
        api.daemon.said(".flow/admin.token")
    });
    let Api {
        folder,
        daemon,
        admin,
        ..
    } = api;
    assert_eq!(daemon.stop(), 0);
    let read =
        || std::fs::read_to_string(folder.path().join(".flow/admin.token")).expect("it is there");
    let again = super::Daemon::start(folder.path(), &[], &[]);
    assert_eq!(read().trim(), admin, "the same as before");
    again.kill();
    // A kill between the text and its hash leaves a text that opens nothing: it is made anew.
    std::fs::remove_file(folder.path().join(".flow/tokens.json")).expect("it is there");
    let again = super::Daemon::start(folder.path(), &[], &[]);
    assert_ne!(read().trim(), admin);
    assert_eq!(again.stop(), 0);
    // One that was revoked is not made again, and one that others came before is made all the same.
    assert_eq!(run(folder.path(), &["token", "revoke", "admin"]).0, 0);
    let again = super::Daemon::start(folder.path(), &[], &[]);
    assert!(!folder.path().join(".flow/admin.token").exists());
    assert_eq!(again.stop(), 0);
    let other = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(other.path().join(".flow")).expect("a project");
    let early = ["token", "new", "early", "--scope", "read"];
    assert_eq!(run(other.path(), &early).0, 0);
    let first = super::Daemon::start(other.path(), &[], &[]);
    assert!(other.path().join(".flow/admin.token").exists());
    let (_, listed, _) = run(other.path(), &["token", "list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert_eq!(first.stop(), 0);
}

#[test]
fn a_file_of_tokens_that_cannot_be_read_lets_nobody_in() {
    let api = Api::start(&[], &[]);
    std::fs::write(api.path().join(".flow/tokens.json"), "{").expect("it can be written");
    let answer = api.get("/runs");
    assert_eq!((answer.status, &*answer.code()), (503, "token.file"));
    assert_eq!(api.daemon.stop(), 0);
}
