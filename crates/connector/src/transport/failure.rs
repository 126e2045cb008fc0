//! What a broken exchange means: the kind of failure, and whether the effect may have happened.

use std::error::Error;
use std::io;
use std::time::Duration;

use flow_engine::run::{Done, Failure, FailureKind};

use super::address::Blocked;

/// The attempt was told to stop.
pub(crate) fn cancelled() -> Failure {
    Failure::of(
        FailureKind::Permanent,
        Done::Unknown,
        "call.cancelled",
        "the attempt was stopped",
    )
}

/// Nothing came in time.
pub(crate) fn timeout(what: &str, limit: Duration) -> Failure {
    let message = format!("{what} within {} s", limit.as_secs_f64());
    Failure::of(FailureKind::Timeout, Done::Unknown, "http.timeout", message)
}

/// A request that got no answer.
pub(crate) fn of_sending(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let causes = causes(&error);
    if find::<Blocked>(&error) {
        let message =
            "the service redirected the request to a name that leads to no public address";
        return Failure::permanent("http.blocked_address", message);
    }
    if error.is_builder() {
        return Failure::permanent("http.url", format!("the request cannot be made: {causes}"));
    }
    if error.is_connect() {
        if error.is_timeout() {
            return Failure::of(
                FailureKind::Connect,
                Done::NotDone,
                "http.connect",
                "no connection could be made in time",
            );
        }
        let (code, kind) = match [
            "certificate",
            "tls",
            "InvalidContentType",
            "corrupt message",
            "peer is incompatible",
            "peer misbehaved",
        ]
        .iter()
        .any(|sign| causes.contains(sign))
        {
            true => ("http.tls", FailureKind::Permanent),
            false if causes.contains("dns") || causes.contains("lookup") => {
                ("http.dns", FailureKind::Connect)
            }
            false => ("http.connect", FailureKind::Connect),
        };
        return Failure::of(
            kind,
            Done::NotDone,
            code,
            format!("no connection could be made: {causes}"),
        );
    }
    if causes.contains("message head is too large") {
        return headers(Done::Unknown);
    }
    if error.is_timeout() {
        return Failure::of(FailureKind::Timeout, Done::Unknown, "http.timeout", causes);
    }
    // What the parser of heads refuses: versions, statuses, headers, lengths.
    if causes.contains("invalid HTTP") || causes.contains(" parsed") {
        let message = format!("the answer is not HTTP: {causes}");
        return Failure::of(
            FailureKind::Permanent,
            Done::Unknown,
            "http.protocol",
            message,
        );
    }
    let message = format!("the connection broke before an answer came: {causes}");
    Failure::of(FailureKind::Reset, Done::Unknown, "http.reset", message)
}

/// A body that broke off, after a status had come.
pub(crate) fn of_reading(error: reqwest::Error, done: Done) -> Failure {
    let error = error.without_url();
    let causes = causes(&error);
    if causes.contains("end of file")
        || causes.contains("incomplete")
        || causes.contains("before message completed")
    {
        let message = format!("the answer broke off: {causes}");
        return Failure::of(FailureKind::Reset, done, "http.truncated", message);
    }
    // A decoder hands on what broke the connection below it.
    if error.is_decode() && !is_broken(&error) {
        let message = format!("the answer cannot be decompressed: {causes}");
        return Failure::of(FailureKind::Permanent, done, "http.encoding", message);
    }
    let message = format!("the connection broke while the answer came: {causes}");
    Failure::of(FailureKind::Reset, done, "http.reset", message)
}

/// Too many headers, or too long ones.
pub(crate) fn headers(done: Done) -> Failure {
    let message = "the answer has more than 100 headers, or more than 64 KiB of them";
    Failure::of(FailureKind::Permanent, done, "http.headers", message)
}

/// A body above a limit.
pub(crate) fn too_large(limit: u64, done: Done) -> Failure {
    let message = format!("the answer is longer than {limit} bytes");
    Failure::of(FailureKind::Permanent, done, "http.too_large", message)
}

fn find<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(<dyn Error>::is::<T>)
}

/// Whether the connection itself broke.
fn is_broken(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut};
    let kinds = chain(error).filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    let broken = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        NotConnected,
        TimedOut,
    ];
    kinds.into_iter().any(|kind| broken.contains(&kind))
}

/// An error and what caused it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        error.source()
    })
}

/// All causes in one line, without repetition.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error.source().unwrap_or(error)) {
        let piece = cause.to_string();
        if !text.contains(&piece) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&piece);
        }
    }
    text
}
