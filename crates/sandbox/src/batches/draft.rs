//! A batch being created: the body is checked request by request and stored line by line.
//!
//! Memory holds one request at a time, and about 100 bytes for each before it.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::batch::{Batch, Counts, microseconds};
use super::entry::{self, Entry};
use crate::app::App;
use crate::auth::Caller;
use crate::disk;
use crate::error::ApiError;
use crate::messages::{self, Context};

/// The most requests of a batch.
const REQUESTS_MAX: usize = 100_000;
/// The most characters of a `custom_id`.
const CUSTOM_ID_MAX: usize = 64;

/// A folder that becomes the batch's, or goes away when dropped before that.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Draft {
    /// An empty draft in the scratch folder.
    pub(crate) fn new(scratch: &Path) -> io::Result<Draft> {
        let folder = disk::scratch_path(scratch);
        fs::create_dir_all(&folder)?;
        Ok(Draft { folder })
    }

    /// Where the body is to be written before [`Draft::finish`].
    pub(crate) fn body_path(&self) -> PathBuf {
        self.folder.join("body.json")
    }

    /// Checks the body and makes it a batch. Blocks.
    ///
    /// # Errors
    /// 400 for what is wrong with the body as a whole. What is wrong with the `params` of a request
    /// is no error here: that request ends as `errored`.
    pub(crate) fn finish(self, app: &App, caller: &Caller) -> Result<Batch, ApiError> {
        let long_output = caller.has_beta("output-300k-2026-03-24");
        let seed = app.ids.mint("seed");
        let ends = app.ends.now();
        let left = Cell::new(messages::BODY_BYTES_MAX);
        let mut sink = Sink {
            seed: &seed,
            context: Context::Batch {
                version: caller.version,
                long_output,
            },
            errored_share: ends.errored(),
            expired_share: ends.expired(),
            left: &left,
            file: BufWriter::with_capacity(
                1 << 16,
                File::create(self.folder.join("requests.jsonl"))?,
            ),
            offset: 0,
            entries: Vec::new(),
            custom_ids: HashSet::new(),
            counts: Counts::default(),
            refusal: None,
        };
        read_body(&self.body_path(), &mut sink)?;
        let Sink {
            file,
            entries,
            counts,
            ..
        } = sink;
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::remove_file(self.body_path())?;
        let mut index = File::create(self.folder.join("index"))?;
        index.write_all(&entry::encode(entries))?;
        index.sync_all()?;
        let (id, created_us) = app.ids.mint_at("msgbatch");
        let ends_us = created_us + microseconds(ends.seconds());
        let batch = Batch {
            id,
            seed: seed.clone(),
            created_us,
            ends_us,
            cancel: None,
            counts,
            version: caller.version,
            long_output,
        };
        app.batches.add(batch, &self.folder)
    }
}

fn read_body(path: &Path, sink: &mut Sink<'_>) -> Result<(), ApiError> {
    let file = Rationed {
        file: File::open(path)?,
        left: sink.left,
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, file));
    let read = BodySeed(sink)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    match (read, sink.refusal.take()) {
        (_, Some(refusal)) => return Err(refusal),
        (Err(error), None) if sink.left.get() == 0 => {
            let message = format!("requests.{}: larger than 32 MB", sink.entries.len());
            return Err(ApiError::new(
                hyper::StatusCode::PAYLOAD_TOO_LARGE,
                format!("{message}: {error}"),
            ));
        }
        (Err(error), None) if error.is_io() => return Err(io::Error::from(error).into()),
        (Err(error), None) if error.is_data() => return Err(ApiError::invalid(error.to_string())),
        (Err(error), None) => {
            return Err(ApiError::invalid(format!(
                "The request body is not valid JSON: {error}"
            )));
        }
        (Ok(()), None) => {}
    }
    if sink.entries.is_empty() {
        return Err(ApiError::invalid(
            "requests: List should have at least 1 item after validation, not 0",
        ));
    }
    Ok(())
}

/// A file of which a single request may only take so much.
struct Rationed<'a> {
    file: File,
    left: &'a Cell<u64>,
}

impl Read for Rationed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let left = self.left.get().saturating_sub(read as u64);
        self.left.set(left);
        if left == 0 {
            Err(io::Error::other("too large"))
        } else {
            Ok(read)
        }
    }
}

/// Takes the requests one after the other.
struct Sink<'a> {
    seed: &'a str,
    context: Context,
    errored_share: f64,
    expired_share: f64,
    left: &'a Cell<u64>,
    file: BufWriter<File>,
    offset: u64,
    entries: Vec<Entry>,
    custom_ids: HashSet<[u8; 16]>,
    counts: Counts,
    /// Why the whole body is refused, set before the reader is told to stop.
    refusal: Option<ApiError>,
}

impl Sink<'_> {
    fn add(&mut self, request: &Value) -> Result<(), ApiError> {
        let at = self.entries.len();
        if at == REQUESTS_MAX {
            let message =
                format!("requests: List should have at most {REQUESTS_MAX} items after validation");
            return Err(ApiError::invalid(message));
        }
        let (custom_id, params) = parts(request, at)?;
        let digest = entry::digest("", custom_id);
        let key = digest[..16].try_into().expect("a digest has 32 bytes");
        if !self.custom_ids.insert(key) {
            return Err(ApiError::invalid(format!(
                "requests.{at}.custom_id: `{custom_id}` is not unique in the batch"
            )));
        }
        let valid = messages::check(params, self.context).is_ok();
        let line = serde_json::to_vec(request).map_err(io::Error::from)?;
        self.file.write_all(&line)?;
        self.file.write_all(b"\n")?;
        let length =
            u32::try_from(line.len()).map_err(|_| ApiError::too_large(messages::BODY_BYTES_MAX))?;
        let entry = Entry {
            offset: self.offset,
            length,
            ..Entry::draw(
                self.seed,
                custom_id,
                valid,
                self.errored_share,
                self.expired_share,
            )
        };
        self.offset += u64::from(length) + 1;
        self.counts.add(entry.outcome);
        self.entries.push(entry);
        self.left.set(messages::BODY_BYTES_MAX);
        Ok(())
    }

    /// Keeps the refusal and makes an error that stops the reader.
    fn refuse<E: de::Error>(&mut self, refusal: ApiError) -> E {
        self.refusal = Some(refusal);
        E::custom("refused")
    }
}

/// The `custom_id` and `params` of a request that has these and nothing else.
fn parts(request: &Value, at: usize) -> Result<(&str, &Value), ApiError> {
    let fields = request
        .as_object()
        .ok_or_else(|| ApiError::invalid(format!("requests.{at}: Input should be an object")))?;
    if let Some(field) = fields
        .keys()
        .find(|field| !["custom_id", "params"].contains(&field.as_str()))
    {
        return Err(ApiError::invalid(format!(
            "requests.{at}.{field}: Extra inputs are not permitted"
        )));
    }
    let custom_id = match fields.get("custom_id") {
        None => {
            return Err(ApiError::invalid(format!(
                "requests.{at}.custom_id: Field required"
            )));
        }
        Some(Value::String(custom_id)) => custom_id,
        Some(_) => {
            return Err(ApiError::invalid(format!(
                "requests.{at}.custom_id: Input should be a valid string"
            )));
        }
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if custom_id.is_empty() || custom_id.len() > CUSTOM_ID_MAX || !custom_id.bytes().all(good) {
        let message = format!(
            "requests.{at}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        );
        return Err(ApiError::invalid(message));
    }
    match fields.get("params") {
        None => Err(ApiError::invalid(format!(
            "requests.{at}.params: Field required"
        ))),
        Some(params) if params.is_object() => Ok((custom_id, params)),
        Some(_) => Err(ApiError::invalid(format!(
            "requests.{at}.params: Input should be an object"
        ))),
    }
}

/// The body: an object with `requests` alone.
struct BodySeed<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for BodySeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodySeed<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `requests`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut found = false;
        while let Some(name) = map.next_key::<String>()? {
            if name != "requests" || found {
                return Err(self.0.refuse(ApiError::invalid(format!(
                    "{name}: Extra inputs are not permitted"
                ))));
            }
            found = true;
            map.next_value_seed(RequestsSeed(&mut *self.0))?;
        }
        if found {
            Ok(())
        } else {
            Err(self.0.refuse(ApiError::invalid("requests: Field required")))
        }
    }
}

/// The list, taken item by item.
struct RequestsSeed<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for RequestsSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RequestsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list in `requests`")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        while let Some(request) = items.next_element::<Value>()? {
            if let Err(refusal) = self.0.add(&request) {
                return Err(self.0.refuse(refusal));
            }
        }
        Ok(())
    }
}
