//! Who comes in: every address below `/api` wants a token, whether there is anything at it or not, and so does `/metrics`.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::World;
use super::answer::Problem;
use super::api::trouble::problem;
use super::names::Names;
use crate::tokens::{self, Token};

/// Lets through what is not of the API, and requests with a token.
pub(super) async fn by_token(
    State(world): State<World>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api") && path != "/metrics" {
        return next.run(request).await;
    }
    match admit(&world, &request) {
        Ok(token) => {
            request.extensions_mut().insert(token);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(world: &World, request: &Request) -> Result<Token, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes());
    if values.any(|(_, value)| tokens::is_well_formed(&value)) {
        let message = "there is a token in the address, where logs and histories keep it";
        let problem = Problem::new(StatusCode::BAD_REQUEST, "api.token_in_query", message);
        return Err(problem.help(
            "send it as `Authorization: Bearer`, and end this one with `flow token revoke NAME`",
        ));
    }
    let sees = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    );
    if !sees && !is_own_origin(&world.names, request.headers()) {
        let message = "a page of another origin asks for a change";
        return Err(Problem::new(StatusCode::FORBIDDEN, "api.origin", message));
    }
    let text = bearer(request.headers()).ok_or_else(unauthorized)?;
    let find = || world.tokens.find(text);
    let found = tokio::task::block_in_place(find).map_err(|trouble| problem(&trouble))?;
    found.ok_or_else(unauthorized)
}

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(text)
}

/// Whether a request comes from no page, or from one of the daemon itself. The name in `Host` was checked.
fn is_own_origin(names: &Names, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (origins.next(), origins.next(), host) {
        (None, ..) => true,
        (Some(origin), None, Some(host)) => {
            names.is_origin(origin.to_str().unwrap_or_default(), host)
        }
        _ => false,
    }
}

/// Who has no token hears the same everywhere.
pub(super) fn unauthorized() -> Problem {
    let message = "this needs a token";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "api.unauthorized", message);
    problem.help("send `Authorization: Bearer TOKEN`; `flow token new NAME --scope read` makes one")
}
