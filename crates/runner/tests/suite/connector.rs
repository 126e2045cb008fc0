//! `flow connector`: from a document of a service to a connector that was tried against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::{flow, run, texts};

const API: &str = r##"{
  "openapi": "3.0.3",
  "info": { "title": "Shop", "version": "1" },
  "servers": [{ "url": "https://shop.example/v1" }],
  "security": [{ "key": [] }],
  "paths": {
    "/orders": {
      "get": {
        "parameters": [{ "name": "cursor", "in": "query", "schema": { "type": "string" } }],
        "responses": { "200": { "description": "ok", "content": { "application/json": { "schema": {
          "type": "object",
          "properties": {
            "orders": { "type": "array", "items": { "$ref": "#/components/schemas/Order" } },
            "next_cursor": { "type": "string", "nullable": true }
          }
        } } } } }
      },
      "post": {
        "requestBody": { "content": { "application/json": { "schema": { "type": "object", "required": ["sku"], "properties": { "sku": { "type": "string" } } } } }, "required": true },
        "responses": { "201": { "description": "ok", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } } }
      }
    },
    "/orders/{order_id}": { "get": {
      "parameters": [{ "name": "order_id", "in": "path", "required": true, "schema": { "type": "integer" } }],
      "responses": { "200": { "description": "ok", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } } }
    } },
    "/stats": { "get": { "responses": { "200": { "description": "ok", "content": { "application/json": { "schema": { "type": "object", "required": ["total"], "properties": { "total": { "type": "number" } } } } } } } } }
  },
  "components": {
    "securitySchemes": { "key": { "type": "apiKey", "in": "query", "name": "api_key" } },
    "schemas": { "Order": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer", "minimum": 1 }, "sku": { "type": "string" } } } }
  }
}"##;

fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("flow.toml", "")].iter().chain(files) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

/// A server that answers by method and path, and the first lines of what it was asked.
fn serve(answer: fn(&str) -> (u16, &'static str)) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(exchange(stream, &log, answer));
        }
    });
    (url, asked)
}

fn exchange(
    mut stream: TcpStream,
    log: &Mutex<Vec<String>>,
    answer: fn(&str) -> (u16, &'static str),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = || {
        let mut line = String::new();
        reader
            .read_line(&mut line)
            .map(|_| line.trim_end().to_owned())
    };
    let (first, mut length) = (line()?, 0);
    loop {
        let header = line()?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let request = first.trim_end_matches(" HTTP/1.1").to_owned();
    let (status, body) = answer(&request);
    log.lock().expect("no test panics with it").push(request);
    write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn with_key(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let mut command = flow(folder.path());
    let output = command.args(arguments).env("SHOP_API_KEY", "hush").output();
    texts(&output.expect("the binary starts"))
}

#[test]
fn a_document_becomes_a_connector_that_is_never_replaced_by_itself() {
    let folder = project(&[("api.json", API)]);
    let (code, out, err) = run(folder.path(), &["connector", "import", "api.json"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(
        err.contains("connectors/shop.yaml: 4 operations, 2 resources, 1 type"),
        "{err}"
    );
    assert!(
        err.contains("1 limits of values") && err.contains("api.json:31:"),
        "{err}"
    );
    assert!(
        err.contains("Set in the environment: SHOP_API_KEY"),
        "{err}"
    );
    let path = folder.path().join("connectors/shop.yaml");
    let made = std::fs::read_to_string(&path).expect("it was written");
    std::fs::write(&path, made.replace("title", "name") + "# mine\n").expect("it can be changed");
    let (code, _, err) = run(folder.path(), &["connector", "import", "api.json"]);
    assert!(code == 2 && err.contains("[openapi.exists]"), "{err}");
    let kept = std::fs::read_to_string(&path).expect("it is there");
    assert!(kept.ends_with("# mine\n"));
    let (code, out, _) = run(
        folder.path(),
        &["connector", "import", "api.json", "--force", "--json"],
    );
    let said: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, said["operations"].as_u64()), (0, Some(4)));
    assert_eq!(said["left_out"][0]["reason"], "limits");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), made);
    let (code, out, _) = run(
        folder.path(),
        &["connector", "import", "api.json", "--out", "-"],
    );
    assert_eq!((code, out), (0, made));
}

#[test]
fn stdin_is_a_document_too() {
    use std::process::Stdio;
    let folder = project(&[]);
    let mut command = flow(folder.path());
    command.args([
        "connector",
        "import",
        "-",
        "--name",
        "mine",
        "--only",
        "/stats",
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(API.as_bytes()).expect("it reads");
    drop(stdin);
    let (code, _, err) = texts(&child.wait_with_output().expect("it ends"));
    assert!(
        code == 0 && err.contains("connectors/mine.yaml: 1 operation,"),
        "{err}"
    );
}

#[test]
fn mistakes_of_descriptors_are_shown_at_their_places_all_at_once() {
    let wrong = "handle: shop\nservice: { baseURL: 'https://shop.example' }\ntypes: { order: { type: thing } }\nresources:\n  - handle: orders\n    operations:\n      list: { method: FETCH }\n      read: { output: odrer }\n";
    let folder = project(&[
        ("connectors/shop.yaml", wrong),
        (
            "connectors/good.yaml",
            "handle: good\nservice: { baseURL: 'https://a.example' }\n",
        ),
    ]);
    let (code, _, err) = run(folder.path(), &["connector", "check"]);
    assert_eq!(code, 3, "{err}");
    for wanted in [
        "error[descriptor.schema]: `types.order`:",
        "error[descriptor.shape]: `resources[0].operations.list.method`: `FETCH` is not a method",
        "error[descriptor.reference]: `resources[0].operations.read.output`:",
        "shop.yaml:7:15",
        "7 |       list: { method: FETCH }\n  |               ^^^^^^",
        "good.yaml",
        "2 descriptors checked: 3 errors",
    ] {
        assert!(err.contains(wanted), "{wanted}\n{err}");
    }
    let (code, out, _) = run(folder.path(), &["connector", "check", "shop", "--json"]);
    let said: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, said["errors"].as_u64()), (3, Some(3)));
    assert_eq!(said["findings"][1]["line"], 7);
    assert_eq!(said["files"][0]["valid"], false);
    let (code, _, err) = run(
        folder.path(),
        &["connector", "check", "connectors/good.yaml"],
    );
    assert_eq!(code, 0, "{err}");
}

fn good(request: &str) -> (u16, &'static str) {
    match request {
        "GET /v1/orders?api_key=hush" => (200, r#"{"orders":[{"id":1}],"next_cursor":"b"}"#),
        "GET /v1/orders?api_key=hush&cursor=b" => {
            (200, r#"{"orders":[{"id":2}],"next_cursor":"c"}"#)
        }
        "GET /v1/orders/7?api_key=hush" => (200, r#"{"id":7}"#),
        "GET /v1/stats?api_key=hush" => (200, r#"{"total":1.5}"#),
        "POST /v1/orders?api_key=hush" => (201, r#"{"id":3}"#),
        _ => (404, r#"{"message":"nothing here"}"#),
    }
}

fn bad(request: &str) -> (u16, &'static str) {
    match request {
        "GET /v1/orders?api_key=hush" => (200, r#"{"orders":[{"id":1},{"id":"two"}]}"#),
        _ => (500, r#"{"message":"broken"}"#),
    }
}

#[test]
fn what_only_reads_is_tried_against_the_service() {
    let folder = project(&[("api.json", API)]);
    let (code, _, err) = run(folder.path(), &["connector", "import", "api.json"]);
    assert_eq!(code, 0, "{err}");
    let (url, asked) = serve(good);
    let (code, out, err) = with_key(&folder, &["connector", "test", "shop", "--base-url", &url]);
    assert_eq!(code, 0, "{out}{err}");
    for wanted in [
        "✓ orders.list  GET /v1/orders?api_key=***\n  200  ",
        "2 pages, 2 items, fits its type",
        "✓ stats.read  GET /v1/stats?api_key=***",
        "- orders.create: it may change something",
        "- orders.read: it needs order_id",
    ] {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    assert!(
        err.contains("2 operations tried: 0 failed, 2 left out"),
        "{err}"
    );
    assert!(!out.contains("hush") && !err.contains("hush"));
    let seen = asked.lock().expect("no test panics with it").clone();
    assert!(
        seen.iter().all(|request| request.starts_with("GET ")),
        "{seen:?}"
    );

    let named = [
        "connector",
        "test",
        "shop",
        "orders.create",
        "sku=a",
        "--base-url",
        &url,
        "--json",
    ];
    let (code, out, err) = with_key(&folder, &named);
    let said: Json = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (code, said["tried"][0]["status"].as_u64()),
        (0, Some(201)),
        "{err}"
    );
    assert_eq!(said["tried"][0]["fits"], true);

    let (url, _) = serve(bad);
    let (code, out, err) = with_key(&folder, &["connector", "test", "shop", "--base-url", &url]);
    assert_eq!(code, 4, "{out}{err}");
    for wanted in [
        "✗ orders.list",
        "the answer differs from the descriptor: `[1].id`: expected",
        "✗ stats.read",
        "http.500: the service answered 500: broken",
    ] {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    let (code, _, err) = run(
        folder.path(),
        &["connector", "test", "shop", "--base-url", &url],
    );
    assert!(code == 3 && err.contains("[secret.missing]"), "{err}");
}

const DEPOT: &str = "handle: depot\nservice:\n  baseURL: https://depot.example/v1\n  auth: { method: oauth2, params: { oauth2: { tokenURL: /token, clientId: flow, clientSecret: '{{client_secret}}' } } }\n  settings: { client_secret: { secret: true, defaultSecret: DEPOT_SECRET } }\nresources:\n  - handle: boxes\n    endpoint: /boxes\n    operations:\n      create: { method: POST, parameters: { name: {} } }\n      break: { method: POST, path: /break, parameters: { name: {} } }\n";

fn depot(request: &str) -> (u16, &'static str) {
    match request {
        "POST /v1/token" => (200, r#"{"access_token":"tok-en-tok-en"}"#),
        "POST /v1/boxes" => (201, r#"{"id":1}"#),
        _ => (400, r#"{"message":"tok-en-tok-en is odd"}"#),
    }
}

#[test]
fn what_a_run_leaves_behind_holds_no_credential() {
    let (url, asked) = serve(depot);
    let workflow = format!(
        "connections: {{ depot: {{ base_url: '{url}' }} }}\nsteps:\n  a: {{ action: depot.boxes.create, with: {{ name: x }} }}\n  b: {{ action: depot.boxes.break, with: {{ name: x }}, needs: a }}\n"
    );
    let folder = project(&[("connectors/depot.yaml", DEPOT), ("a.yml", &workflow)]);
    let mut command = flow(folder.path());
    let output = command
        .args(["run", "a.yml"])
        .env("DEPOT_SECRET", "hush-hush-hush")
        .output();
    let (code, out, err) = texts(&output.expect("the binary starts"));
    assert_eq!(code, 4, "{out}{err}");
    assert!(
        err.contains("*** is odd") || out.contains("*** is odd"),
        "{out}{err}"
    );
    let seen = asked.lock().expect("no test panics with it").clone();
    assert_eq!(
        seen,
        ["POST /v1/token", "POST /v1/boxes", "POST /v1/boxes/break"]
    );
    let mut left = vec![out.into_bytes(), err.into_bytes()];
    files(&folder.path().join(".flow"), &mut left);
    assert!(left.len() > 3);
    for secret in ["hush-hush-hush", "tok-en-tok-en", "Zmxvdzpo"] {
        let holds = |bytes: &Vec<u8>| {
            bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        };
        assert!(!left.iter().any(holds), "{secret}");
    }
}

fn files(folder: &std::path::Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push(bytes);
        }
    }
}
