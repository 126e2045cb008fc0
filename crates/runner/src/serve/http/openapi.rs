//! The document of the API (`OpenAPI` 3.1), made of the table of routes.

use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::api::shapes::PROBLEM;
use super::route::{Ask, Content, Method, Parameter, Place, Read, Route, Tried};
use super::shape::Shape;
use super::table::ROUTES;
use crate::serve::telemetry::MEDIA_TYPE;

/// Where a daemon listens, if nobody says otherwise.
pub(crate) const USUAL_SERVER: &str = "http://127.0.0.1:4180";

const ABOUT: &str = "What `flow serve` can be asked. Everything under `/api` wants a token, as `Authorization: Bearer TOKEN`: \
`flow token new NAME --scope read|run|admin` makes one. `x-class` says who may use an operation. Bodies are JSON.";

/// `GET /openapi.json`
pub(super) fn served(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        // The name under which it was asked is one of the daemon's own.
        let host = ask.headers.get(HOST).and_then(|host| host.to_str().ok());
        let server = host.map(|host| ask.world.names.asked_at(host));
        let document = document(server.as_deref().unwrap_or(USUAL_SERVER));
        Ok((StatusCode::OK, axum::Json(document)).into_response())
    })
}

/// The document, of a daemon that listens there.
pub(crate) fn document(server: &str) -> Value {
    let mut named = Map::new();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = route.path.replace("{*", "{");
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let of_path = paths.entry(path).or_insert_with(|| json!({}));
        of_path[method] = operation(route, &mut named);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "flow",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": server }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": named,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, named: &mut Map<String, Value>) -> Value {
    let parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|it| parameter(it, named))
        .collect();
    let mut responses = Map::new();
    for answer in route.answers {
        let mut said = json!({ "description": answer.about });
        said["content"] = content(&answer.content, named);
        responses.insert(answer.status.to_string(), said);
    }
    let problem = PROBLEM.schema(named);
    for (status, about) in problems(route) {
        responses.insert(
            status.to_string(),
            json!({ "description": about, "content": { "application/problem+json": { "schema": problem } } }),
        );
    }
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "x-class": route.serves.word(),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(shape) = route.body {
        let schema = shape.schema(named);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    if route.serves.scope().is_none() {
        operation["security"] = json!([]);
    }
    operation
}

fn parameter(parameter: &Parameter, named: &mut Map<String, Value>) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query | Place::Queries => "query",
        Place::Header => "header",
    };
    let schema = parameter.shape.schema(named);
    let schema = match parameter.place {
        Place::Queries => json!({ "type": "array", "items": schema }),
        _ => schema,
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.place == Place::Path,
        "description": parameter.about,
        "schema": schema,
    })
}

fn content(content: &Content, named: &mut Map<String, Value>) -> Value {
    match content {
        Content::Json(shape) => json!({ "application/json": { "schema": shape.schema(named) } }),
        Content::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
        Content::Metrics => json!({ (MEDIA_TYPE): { "schema": { "type": "string" } } }),
        Content::Events => json!({ "text/event-stream": {} }),
        Content::Bytes => {
            json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } })
        }
    }
}

/// How a route refuses.
fn problems(route: &Route) -> Vec<(u16, &'static str)> {
    let mut problems = vec![(421, "The name in `Host` is not one of the daemon.")];
    if route.serves.word() != "webhook" && route.serves.scope().is_none() {
        problems.push((503, "It is being stopped."));
        return problems;
    }
    problems.push((400, "A parameter or the body is not of its form."));
    problems.push((401, "Nobody has shown who they are."));
    problems.push((
        503,
        "Not now: it is being stopped, or the store takes nothing.",
    ));
    let names = |known: &Parameter| known.place == Place::Path || matches!(known.shape, Shape::Run);
    if route.parameters.iter().any(names) {
        problems.push((404, "There is nothing of this name."));
    }
    if route.serves.scope().is_some() {
        problems.push((
            403,
            "The token may not do this, or a page of another origin asks.",
        ));
    }
    if route.method == Method::Post {
        problems.push((408, "The body did not come in time."));
        problems.push((409, "It cannot be done as things stand."));
        problems.push((413, "The body is larger than 1 MiB."));
        problems.push((415, "The body is of another type."));
        problems.push((422, "It is understood, and not valid."));
    }
    problems.sort_unstable();
    problems
}
