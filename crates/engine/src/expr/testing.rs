//! What the tests of this folder share: a small world, and one line per case.

use crate::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use super::{Expression, Roots, Scope, Template};
use crate::eval::BlobRead;
use crate::value::{Blob, Hash, Secret, Value, json};

/// Roots written as JSON, with a store of blobs that may be closed.
#[derive(Default)]
pub(super) struct World {
    pub(super) roots: Vec<(Arc<str>, Value)>,
    pub(super) store: Store,
    pub(super) closed: bool,
}

#[derive(Default)]
pub(super) struct Store(Mutex<HashMap<Hash, Vec<u8>>>);

impl Store {
    /// Keeps content under any hash, a wrong one too.
    pub(super) fn put(&self, hash: Hash, content: &[u8]) {
        let mut store = self.0.lock().expect("not poisoned");
        store.insert(hash, content.to_vec());
    }
}

impl BlobRead for Store {
    fn open(&self, hash: Hash) -> io::Result<Box<dyn Read + Send>> {
        let content = self.0.lock().expect("not poisoned").get(&hash).cloned();
        Ok(Box::new(io::Cursor::new(
            content.ok_or(io::ErrorKind::NotFound)?,
        )))
    }
}

impl World {
    /// The usual one: inputs, steps (one of which was skipped), secrets, and an item.
    pub(super) fn usual() -> World {
        let mut world = World::default();
        world.set("inputs", r#"{"name":"Ada","n":7,"f":2.0,"half":0.5,"none":null,"list":[1,2,3],"big":18446744073709551615,"deep":{"a":{"b":"c"}},"text":"{{ 7*7 }}","empty":""}"#);
        world.set("steps", r#"{"fetch":{"id":"x1","items":[{"id":1,"user":{"name":"A"}},{"id":2,"user":{"name":"B"}}],"missing":null}}"#);
        world.set(
            "run",
            r#"{"id":"r1","status":"running","due":"2026-11-21T02:00:00+01:00"}"#,
        );
        world.set("item", r#"{"id":4,"result":{"type":"errored"}}"#);
        world.roots.push((
            "secrets".into(),
            Value::map([("TOKEN", Value::from(Secret::named("TOKEN")))]),
        ));
        world
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.roots
            .push((name.into(), json::parse(value.as_bytes()).expect(name)));
    }

    /// Stores `content` and puts the blob under `files.name`.
    pub(super) fn blob(
        &mut self,
        name: &str,
        media: &str,
        content: &str,
        change: impl FnOnce(&mut Blob),
    ) {
        let hash = Hash::of(content.as_bytes());
        self.store
            .0
            .lock()
            .expect("not poisoned")
            .insert(hash, content.as_bytes().to_vec());
        let mut blob = Blob::new(hash, content.len() as u64, media);
        change(&mut blob);
        self.roots.push((name.into(), Value::from(blob)));
    }
}

impl Roots for World {
    fn root(&self, name: &str) -> Option<Value> {
        self.roots
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| value.clone())
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.roots.iter().map(|(name, _)| name.clone()).collect()
    }

    fn status(&self, step: &str) -> Option<&str> {
        match step {
            "fetch" => Some("succeeded"),
            "gone" => Some("skipped"),
            "broken" => Some("failed"),
            _ => None,
        }
    }

    fn error(&self, step: &str) -> Option<Value> {
        (step == "broken").then(|| Value::map([("code", Value::from("http.500"))]))
    }

    fn blobs(&self) -> Option<&dyn BlobRead> {
        (!self.closed).then_some(&self.store)
    }

    fn callback_url(&self, step: &str) -> Option<Value> {
        (step == "wait").then(|| Value::from("https://flow.test/wait"))
    }

    fn why_absent(&self, root: &str, member: &str) -> Option<String> {
        (root == "steps" && member == "gone").then(|| "step `gone` was skipped".to_owned())
    }
}

fn written(text: &str, result: Result<Value, super::EvalError>) -> String {
    match result {
        Ok(value) => crate::value::journal::to_string(&value),
        Err(error) => {
            let range = error.span.start as usize..error.span.end as usize;
            let place = text.get(range).unwrap_or("(outside)");
            let help = error
                .help
                .map(|help| format!(" = {help}"))
                .unwrap_or_default();
            format!("{} at `{place}`: {}{help}", error.code, error.message)
        }
    }
}

/// The value of an expression in a world as JSON, or its error with the place.
pub(super) fn eval_in(world: &World, text: &str) -> String {
    match Expression::parse(text) {
        Ok(expression) => written(text, expression.eval(&Scope::new(world))),
        Err(error) => refused(text, &error),
    }
}

/// The same in the usual world.
pub(super) fn shown(text: &str) -> String {
    eval_in(&World::usual(), text)
}

/// A text rendered in a world, or its error with the place.
pub(super) fn render_in(world: &World, text: &str) -> String {
    match Template::parse(text) {
        Ok(template) => written(text, template.render(&Scope::new(world))),
        Err(error) => refused(text, &error),
    }
}

/// The same in the usual world.
pub(super) fn rendered(text: &str) -> String {
    render_in(&World::usual(), text)
}

/// How a text is refused when it is parsed.
pub(super) fn refused(text: &str, error: &super::SyntaxError) -> String {
    let range = error.span.start as usize..error.span.end as usize;
    let place = text.get(range).unwrap_or("(outside)");
    let help = error
        .help
        .as_ref()
        .map(|help| format!(" = {help}"))
        .unwrap_or_default();
    format!("{} at `{place}`: {}{help}", error.code, error.message)
}
