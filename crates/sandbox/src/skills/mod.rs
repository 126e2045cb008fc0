//! Skills and their versions: create, list, retrieve, download, delete.
//!
//! `manifest` checks the uploaded files; `skill` has the objects in both shapes; `store` keeps
//! them. The beta `skills-2025-10-02` selects the older shapes. Source: Claude API, Skills.

mod manifest;
mod skill;
mod store;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::{PathIds, Shared};
use crate::auth::Caller;
use crate::error::{ApiError, joined};
use crate::page::{PageB, Query, page_b};

use skill::{Skill, Source};
pub(crate) use store::Store;

/// The beta that selects the older shapes.
const OLD_SHAPE: &str = "skills-2025-10-02";

/// Stores a skill with its first version.
pub(crate) async fn create(
    State(app): Shared,
    caller: Caller,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let old = caller.has_beta(OLD_SHAPE);
    let upload = manifest::receive(request, old).await?;
    let stored = tokio::task::spawn_blocking(move || app.skills.create(&app.ids, upload));
    Ok(Json(joined(stored.await)?.object(old)))
}

/// Lists skills, newest first, those of the vendor last.
pub(crate) async fn list(
    State(app): Shared,
    caller: Caller,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri)?;
    let old = caller.has_beta(OLD_SHAPE);
    let mut skills = app.skills.newest_first();
    match query.first("source") {
        None => {}
        Some("custom") => skills.retain(|skill| skill.source == Source::Custom),
        Some("anthropic") => skills.retain(|skill| skill.source == Source::Anthropic),
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "source: must be `custom` or `anthropic`, not `{other}`"
            )));
        }
    }
    let page = page_b(skills, &query, Skill::sort_key)?;
    Ok(listed(page.map(|skill| skill.object(old)), old))
}

/// Answers one skill.
pub(crate) async fn retrieve(
    State(app): Shared,
    caller: Caller,
    PathIds(id): PathIds<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(
        app.skills.get(&id)?.object(caller.has_beta(OLD_SHAPE)),
    ))
}

/// Deletes a skill with all its versions; in the older shape, only one that has none left.
pub(crate) async fn delete(
    State(app): Shared,
    caller: Caller,
    PathIds(id): PathIds<String>,
) -> Result<Json<Value>, ApiError> {
    let deleted = tokio::task::spawn_blocking(move || {
        app.skills.delete(&id, caller.has_beta(OLD_SHAPE))?;
        Ok(Json(json!({ "id": id, "type": "skill_deleted" })))
    });
    joined(deleted.await)
}

/// Stores another version of a skill.
pub(crate) async fn create_version(
    State(app): Shared,
    caller: Caller,
    PathIds(id): PathIds<String>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let old = caller.has_beta(OLD_SHAPE);
    app.skills.get(&id)?;
    let upload = manifest::receive(request, old).await?;
    let stored = tokio::task::spawn_blocking(move || {
        let version = app.skills.create_version(&app.ids, &id, upload)?;
        Ok(Json(version.object(&id, old)))
    });
    joined(stored.await)
}

/// Lists the versions of a skill, newest first.
pub(crate) async fn list_versions(
    State(app): Shared,
    caller: Caller,
    PathIds(id): PathIds<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let old = caller.has_beta(OLD_SHAPE);
    let mut versions = app.skills.get(&id)?.versions;
    versions.reverse();
    let page = page_b(versions, &Query::of(&uri)?, |version| version.id.clone())?;
    Ok(listed(page.map(|version| version.object(&id, old)), old))
}

/// Answers one version: by identifier, or the newest as `latest`.
pub(crate) async fn retrieve_version(
    State(app): Shared,
    caller: Caller,
    PathIds((id, version)): PathIds<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let old = caller.has_beta(OLD_SHAPE);
    let skill = app.skills.get(&id)?;
    let found = if version == "latest" {
        skill.versions.last()
    } else {
        skill.version(&version, old)
    };
    found
        .map(|found| Json(found.object(&id, old)))
        .ok_or_else(|| store::missing_version(&version))
}

/// Answers the files of a version as a zip file.
pub(crate) async fn download_version(
    State(app): Shared,
    caller: Caller,
    PathIds((id, version)): PathIds<(String, String)>,
) -> Result<Response, ApiError> {
    let old = caller.has_beta(OLD_SHAPE);
    let read = tokio::task::spawn_blocking(move || app.skills.archive(&id, &version, old));
    let headers = [(header::CONTENT_TYPE, "application/zip")];
    Ok((headers, joined(read.await)?).into_response())
}

/// Deletes one version.
pub(crate) async fn delete_version(
    State(app): Shared,
    caller: Caller,
    PathIds((id, version)): PathIds<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let deleted = tokio::task::spawn_blocking(move || {
        app.skills
            .delete_version(&id, &version, caller.has_beta(OLD_SHAPE))?;
        Ok(Json(
            json!({ "id": version, "type": "skill_version_deleted" }),
        ))
    });
    joined(deleted.await)
}

/// A page, with `has_more` in the older shape.
fn listed<T: Serialize>(page: PageB<T>, old: bool) -> Response {
    if !old {
        return Json(page).into_response();
    }
    let more = page.next_page.is_some();
    Json(json!({ "data": page.data, "has_more": more, "next_page": page.next_page }))
        .into_response()
}
