//! A running sandbox with a client: the one place that knows how to call it.

use std::path::Path;

use flow_sandbox::{Config, Faults, Sandbox};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A sandbox on a folder of its own.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) folder: TempDir,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) config: Config,
}

impl World {
    /// One whose batches end at once and always succeed.
    pub(crate) async fn new() -> World {
        World::with(|config| config.endings.seconds = Some(0.0)).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::new(folder.path());
        (config.endings.errored, config.endings.expired) = (Some(0.0), Some(0.0));
        change(&mut config);
        let sandbox = Sandbox::start(config.clone()).await.expect("started");
        World {
            client: Client::new(),
            folder,
            sandbox: Some(sandbox),
            config,
        }
    }

    pub(crate) async fn with_faults(script: &str) -> World {
        World::with(|config| {
            config.endings.seconds = Some(0.0);
            config.faults = Faults::parse(script).expect("a script");
        })
        .await
    }

    /// Stops it as a kill would, and starts another on the same folder.
    pub(crate) async fn restart(&mut self) {
        drop(self.sandbox.take());
        self.client = Client::new();
        self.sandbox = Some(
            Sandbox::start(self.config.clone())
                .await
                .expect("started again"),
        );
    }

    pub(crate) fn base_url(&self) -> String {
        self.sandbox.as_ref().expect("running").base_url()
    }

    pub(crate) fn state(&self) -> &Path {
        self.folder.path()
    }

    /// A call with a key and the newer version.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base_url()));
        request
            .header("x-api-key", "test")
            .header("anthropic-version", "2026-10-21")
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(
            self.call(Method::GET, path)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(
            self.call(Method::POST, path)
                .json(body)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        read(
            self.call(Method::DELETE, path)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    /// Creates a batch and answers its identifier.
    pub(crate) async fn batch(&self, requests: Vec<Value>) -> String {
        let (status, batch) = self
            .post("/v1/messages/batches", &json!({ "requests": requests }))
            .await;
        assert_eq!(status, 200, "{batch}");
        batch["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn results(&self, id: &str) -> Vec<Value> {
        let answer = self
            .call(Method::GET, &format!("/v1/messages/batches/{id}/results"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/x-jsonl");
        let text = answer.text().await.expect("a body");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

pub(crate) async fn read(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["x-flow-sandbox"], "1");
    let text = answer.text().await.expect("a body");
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// A good Messages body.
pub(crate) fn ask(text: &str) -> Value {
    json!({ "model": "claude-haiku-5-5", "max_tokens": 1000, "messages": [{ "role": "user", "content": text }] })
}

/// A good batch request.
pub(crate) fn request(custom_id: &str, text: &str) -> Value {
    json!({ "custom_id": custom_id, "params": ask(text) })
}

/// `STATUS TYPE: MESSAGE` of an error, or the whole body if it is none.
pub(crate) fn told((status, body): &(u16, Value)) -> String {
    match (
        body["error"]["type"].as_str(),
        body["error"]["message"].as_str(),
    ) {
        (Some(kind), Some(message)) => {
            assert!(
                body["request_id"]
                    .as_str()
                    .is_some_and(|id| id.starts_with("req_")),
                "{body}"
            );
            format!("{status} {kind}: {message}")
        }
        _ => format!("{status} {body}"),
    }
}

/// All pages of an object-cursor list, as identifiers.
pub(crate) async fn pages_a(world: &World, path: &str, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = world.get(&format!("{path}?limit={limit}{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        let ids = ids(&page);
        assert_eq!(page["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(page["last_id"].as_str(), ids.last().map(String::as_str));
        cursor = format!("&after_id={}", page["last_id"].as_str().unwrap_or_default());
        pages.push(ids);
        if page["has_more"] == false {
            return pages;
        }
    }
}

/// All pages of an opaque-cursor list, as identifiers.
pub(crate) async fn pages_b(world: &World, path: &str, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = world.get(&format!("{path}?limit={limit}{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        pages.push(ids(&page));
        match page
            .get("next_page")
            .expect("next_page is always there")
            .as_str()
        {
            None => return pages,
            Some(next) => cursor = format!("&page={next}"),
        }
    }
}

pub(crate) fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().expect("data");
    data.iter()
        .map(|object| object["id"].as_str().expect("an id").to_owned())
        .collect()
}
