//! Whether the daemon is well.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::World;
use super::answer::Problem;
use super::route::Tried;

/// Whether the process lives.
pub(super) fn healthy(_: World, _: Request) -> Tried {
    Box::pin(async { Ok("ok\n".into_response()) })
}

/// Whether it takes on work.
pub(super) fn ready(world: World, _: Request) -> Tried {
    Box::pin(async move {
        if world.daemon.stopping.is_cancelled() {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(
                status,
                "serve.stopping",
                "it is being stopped",
            ));
        }
        Ok("ready\n".into_response())
    })
}
