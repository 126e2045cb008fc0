//! One outcome for each request, in the order of the requests.
//!
//! Outcomes come in any order and may be many: they are laid into files by their place, so that each file is small, and
//! each is sorted by itself.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Value, View, json};

use super::{KEY, KeyHash, each, hash_of, key_of};
use crate::local::LocalCall;
use crate::local::items::Item;
use crate::request::store_failure;
use crate::sink::ItemSink;

/// About so many bytes of outcomes are in memory at once.
const BUCKET_BYTES: u64 = 8 << 20;
/// So many files at most.
const BUCKETS_MAX: u64 = 256;

pub(super) fn outcomes(call: &LocalCall) -> Result<Value, Failure> {
    let mut places: HashMap<KeyHash, u32> = HashMap::new();
    let mut count = 0_u32;
    each(call.argument("requests"), &[&["custom_id"]], call, |item| {
        places.insert(hash_of(key_of(&item)), count);
        count += 1;
        Ok(())
    })?;
    let parts = call.loaded("parts")?;
    let parts = parts.as_list().unwrap_or_default();
    let bytes = parts.iter().map(|part| match part {
        Value::Blob(blob) => blob.bytes,
        _ => 0,
    });
    let buckets = (bytes.sum::<u64>() / BUCKET_BYTES + 1).min(BUCKETS_MAX);
    let mut laid = Laid::new(buckets, count)?;
    let mut counts: IndexMap<String, u64> = IndexMap::default();
    for part in parts {
        each(part, &[&["custom_id"], &["outcome"]], call, |item| {
            let Some(place) = places.remove(&hash_of(key_of(&item))) else {
                return Ok(());
            };
            let outcome = item.value.get("outcome").and_then(Value::as_str);
            *counts
                .entry(outcome.unwrap_or("unknown").to_owned())
                .or_default() += 1;
            laid.add(place, &item)
        })?;
    }
    if !places.is_empty() {
        each(call.argument("requests"), &[&["custom_id"]], call, |item| {
            let key = key_of(&item);
            let Some(place) = places.remove(&hash_of(key)) else {
                return Ok(());
            };
            *counts.entry("missing".to_owned()).or_default() += 1;
            let outcome =
                Value::map([("outcome", Value::from("missing")), (KEY, Value::from(key))]);
            laid.line(place, outcome.to_json().unwrap_or_default().as_bytes())
        })?;
    }
    let mut sink = ItemSink::new(call.context.blobs.clone());
    laid.in_order(&mut sink)?;
    let succeeded = counts.get("succeeded").copied().unwrap_or_default();
    let verdict = verdict(&counts, u64::from(count), call.text("tolerate"))?;
    let counts: Map = counts
        .into_iter()
        .map(|(name, count)| (Arc::from(name), Value::from(count)))
        .collect();
    Ok(Value::map([
        ("outcomes", sink.finish()?),
        ("count", Value::from(count)),
        ("succeeded", Value::from(succeeded)),
        ("counts", Value::from(counts)),
        ("enough", Value::Bool(verdict.is_none())),
        ("verdict", Value::from(verdict.as_deref())),
    ]))
}

/// Why too few requests succeeded, if they did.
fn verdict(
    counts: &IndexMap<String, u64>,
    count: u64,
    tolerate: &str,
) -> Result<Option<String>, Failure> {
    let tolerated = match tolerate.trim() {
        "" => count.saturating_sub(1),
        text => match text.strip_suffix('%') {
            Some(share) => part_of(share.trim(), count).ok_or_else(|| wrong(text))?,
            None => text.parse().map_err(|_| wrong(text))?,
        },
    };
    let others = counts.iter().filter(|(name, _)| *name != "succeeded");
    let failed: u64 = others.clone().map(|(_, count)| count).sum();
    if failed <= tolerated {
        return Ok(None);
    }
    let list: Vec<String> = others
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    Ok(Some(format!(
        "{failed} of {count} requests did not succeed ({}), {tolerated} may",
        list.join(", ")
    )))
}

/// So many hundredths of all, rounded down.
fn part_of(share: &str, count: u64) -> Option<u64> {
    let share: f64 = share.parse().ok()?;
    if !(0.0..=100.0).contains(&share) {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most 4 billion requests"
    )]
    Some((count as f64 * share / 100.0).floor() as u64)
}

fn wrong(found: &str) -> Failure {
    let message = format!("`tolerate` cannot be `{found}`");
    Failure::permanent("call.type", message).help("write a number, or a share such as `5%`")
}

/// Outcomes in files, by their place: `PLACE LINE`.
struct Laid {
    buckets: Vec<BufWriter<File>>,
    count: u64,
    view: Option<Arc<View>>,
}

impl Laid {
    fn new(buckets: u64, count: u32) -> Result<Laid, Failure> {
        let file = |_| Ok(BufWriter::with_capacity(1 << 14, tempfile::tempfile()?));
        let buckets: std::io::Result<_> = (0..buckets).map(file).collect();
        Ok(Laid {
            buckets: buckets.map_err(|error| store_failure(&error))?,
            count: u64::from(count).max(1),
            view: None,
        })
    }

    fn add(&mut self, place: u32, item: &Item<'_>) -> Result<(), Failure> {
        if self.view.is_none() {
            let view = item.value.as_map().and_then(|map| map.view());
            self.view = view.cloned();
        }
        match item.line() {
            Some(line) => self.line(place, line),
            None => self.line(place, item.value.to_json().unwrap_or_default().as_bytes()),
        }
    }

    fn line(&mut self, place: u32, line: &[u8]) -> Result<(), Failure> {
        let buckets = self.buckets.len() as u64;
        let at = u64::from(place) * buckets / self.count;
        let bucket = &mut self.buckets[usize::try_from(at).unwrap_or_default()];
        let written = write!(bucket, "{place} ")
            .and_then(|()| bucket.write_all(line))
            .and_then(|()| bucket.write_all(b"\n"));
        written.map_err(|error| store_failure(&error))
    }

    fn in_order(self, sink: &mut ItemSink) -> Result<(), Failure> {
        let stub = Value::from(Map::new().with_view(self.view.clone()));
        for bucket in self.buckets {
            for line in sorted(bucket).map_err(|error| store_failure(&error))? {
                if sink.is_stored() {
                    sink.push_line(stub.clone(), &line)?;
                    continue;
                }
                let value = json::parse(&line)
                    .map_err(|error| Failure::permanent(error.code, error.to_string()))?;
                let map = value.as_map().cloned().unwrap_or_default();
                sink.push(Value::from(map.with_view(self.view.clone())))?;
            }
        }
        Ok(())
    }
}

/// The lines of a file by their place, without it.
fn sorted(bucket: BufWriter<File>) -> std::io::Result<Vec<Vec<u8>>> {
    let mut file = bucket
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.rewind()?;
    let mut lines = Vec::new();
    for line in BufReader::with_capacity(1 << 16, file).split(b'\n') {
        let line = line?;
        let space = line.iter().position(|byte| *byte == b' ');
        let (place, rest) = line.split_at(space.unwrap_or(line.len()));
        let place: u32 = std::str::from_utf8(place)
            .ok()
            .and_then(|place| place.parse().ok())
            .unwrap_or(u32::MAX);
        lines.push((place, rest.get(1..).unwrap_or_default().to_vec()));
    }
    lines.sort_unstable_by_key(|(place, _)| *place);
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}
