//! The result lines of a batch, made one after the other while they are read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::batch::Batch;
use super::entry::{self, Entry, Outcome};
use crate::error::{ApiError, joined};
use crate::ids::derived;
use crate::messages;

/// Lines are sent together up to about this many bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// How many pieces may wait for a slow reader.
const PIECES_WAITING: usize = 4;

/// All lines of an ended batch, in the order of their hashes.
///
/// A thread makes them; it waits when the reader is slow and ends when the reader is gone.
///
/// # Errors
/// 500 if the batch's files cannot be opened; after that, a failure breaks the stream.
pub(crate) async fn stream(
    batch: Arc<Batch>,
    folder: PathBuf,
) -> Result<impl Stream<Item = io::Result<Bytes>>, ApiError> {
    let (entries, file) = joined(
        tokio::task::spawn_blocking(move || {
            Ok((
                entry::read(&folder.join("index"))?,
                File::open(folder.join("requests.jsonl"))?,
            ))
        })
        .await,
    )?;
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let last = match write(&batch, &entries, file, &sender) {
            Ok(()) => Ok(None),
            Err(error) => Err(error),
        };
        let _ = sender.blocking_send(last);
    });
    Ok(stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Ok(Some(piece))) => Some((Ok(piece), Some(receiver))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(io::Error::other("the results broke off")), None)),
        }
    }))
}

type Piece = io::Result<Option<Bytes>>;

fn write(
    batch: &Batch,
    entries: &[Entry],
    mut file: File,
    sender: &mpsc::Sender<Piece>,
) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
    let mut request = Vec::new();
    for entry in entries {
        request.resize(entry.length as usize, 0);
        file.seek(SeekFrom::Start(entry.offset))?;
        file.read_exact(&mut request)?;
        let request: Value = serde_json::from_slice(&request)?;
        serde_json::to_writer(&mut piece, &line(batch, entry, &request))?;
        piece.push(b'\n');
        if piece.len() >= PIECE_BYTES {
            let full = std::mem::replace(
                &mut piece,
                Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4),
            );
            if sender.blocking_send(Ok(Some(full.into()))).is_err() {
                return Ok(());
            }
        }
    }
    let _ = sender.blocking_send(Ok(Some(piece.into())));
    Ok(())
}

fn line(batch: &Batch, entry: &Entry, request: &Value) -> Value {
    let custom_id = request["custom_id"].as_str().unwrap_or_default();
    let digest = entry::digest(&batch.seed, custom_id);
    let seed = digest[16..].try_into().expect("a digest has 32 bytes");
    let errored = |error: &ApiError| json!({ "type": "errored", "error": error.envelope(&derived("req", seed)) });
    let scripted = |kind: &str, message: &str| {
        errored(&ApiError {
            kind: kind.to_owned(),
            ..ApiError::internal(message)
        })
    };
    let result = match batch.outcome(entry) {
        Outcome::Canceled => json!({ "type": "canceled" }),
        Outcome::Expired => json!({ "type": "expired" }),
        Outcome::Overloaded => scripted("overloaded_error", "Overloaded"),
        Outcome::Failed => scripted("api_error", "Internal server error"),
        Outcome::Succeeded | Outcome::Invalid => {
            match messages::check(&request["params"], batch.context()) {
                Ok(checked) => json!({
                    "type": "succeeded",
                    "message": messages::reply(&checked, &derived("msg", seed), "batch").message,
                }),
                // Whatever is wrong with a request, it must be mended before it is sent again.
                Err(error) => errored(&ApiError {
                    kind: "invalid_request_error".to_owned(),
                    ..error
                }),
            }
        }
    };
    json!({ "custom_id": custom_id, "result": result })
}
