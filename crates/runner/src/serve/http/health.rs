//! Whether the daemon is well, and what it has counted.

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::api::read;
use super::route::{Ask, Read, Tried};
use super::webhooks::unstored;
use super::{World, stopping};
use crate::serve::telemetry::MEDIA_TYPE;

/// Whether the process lives.
pub(super) fn healthy(_: World, _: Request) -> Tried {
    Box::pin(async { Ok("ok\n".into_response()) })
}

/// Whether it takes on work.
pub(super) fn ready(world: World, _: Request) -> Tried {
    Box::pin(async move {
        if world.daemon.stopping.is_cancelled() {
            return Err(stopping());
        }
        if let Some(trouble) = world.daemon.store_trouble() {
            return Err(unstored(trouble.code()));
        }
        Ok("ready\n".into_response())
    })
}

/// What is counted.
pub(super) fn metrics(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let daemon = &ask.world.daemon;
        let driven = daemon.owner.census().await;
        let text = read(&ask.world, |reader| {
            let bytes = daemon.owner.store().bytes();
            let text = daemon.metrics.text(reader, bytes, driven);
            Ok(text?)
        })?;
        Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
    })
}
