//! Stored values as files.

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::IntoResponse;
use flow_engine::value::Hash;
use tokio_util::io::ReaderStream;

use crate::serve::http::route::{Ask, Read, Tried, not_found};

/// `GET /values/{hash}`: never shown by a browser, whatever is in it.
pub(in crate::serve::http) fn one(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let gone = || not_found("no value of this hash is stored");
        let hash = Hash::parse(ask.part("hash")).ok_or_else(gone)?;
        let path = ask.world.daemon.owner.blobs().path(hash);
        let file = tokio::fs::File::open(path).await.map_err(|_| gone())?;
        let bytes = file.metadata().await.map_err(|_| gone())?.len();
        let headers = [
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (
                CONTENT_DISPOSITION,
                format!("attachment; filename=\"{hash}\""),
            ),
            (CONTENT_LENGTH, bytes.to_string()),
        ];
        let body = Body::from_stream(ReaderStream::new(file));
        Ok((headers, body).into_response())
    })
}
