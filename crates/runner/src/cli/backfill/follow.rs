//! The runs of a backfill: started or gone on with in order, so many at once, and followed to their ends.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::bundle::Bundle;
use flow_engine::journal::StartedBy;
use flow_engine::money::Amount;
use flow_engine::schedule::Timetable;
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::{Trigger, Workflow};
use flow_local::driver::Progress;
use flow_local::store::{Backfill, BackfillTime, BlobFolder, Stands, Store};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;

use super::list::line;
use crate::cli::Folders;
use crate::cli::run::refused;
use crate::cli::signals::Signals;
use crate::exit::{Exit, Trouble};
use crate::host::order::{Resume, SecretTexts, Start};
use crate::host::{Backend, Driven, Following};
use crate::{inputs, starting};

/// How often a run that somebody else drives is looked at.
const PAUSE: Duration = Duration::from_millis(150);

/// What all of its runs have in common.
pub(super) struct Common {
    pub(super) backfill: Backfill,
    pub(super) folders: Folders,
    pub(super) workflow: Arc<Workflow>,
    pub(super) trigger: Trigger,
    pub(super) timetable: Timetable,
    pub(super) given: Map,
    pub(super) secrets: SecretTexts,
    pub(super) bundle: Bundle,
    /// Whether each end is said.
    pub(super) says: bool,
}

/// Starts what is left, or goes on with it, so many at once; gives how it was told to stop, if it was by a signal. After a
/// cancel nothing more is started.
pub(super) async fn follow(
    backend: &mut Backend,
    common: &Common,
    times: &mut [BackfillTime],
) -> Result<Option<Exit>, Trouble> {
    let mut signals = Signals::listen();
    let (mut going, mut elsewhere) = (FuturesUnordered::new(), FuturesUnordered::new());
    let mut stops: HashMap<usize, Box<dyn Fn() + Send + Sync>> = HashMap::new();
    let left = (0..times.len()).filter(|at| times[*at].stands.is_left());
    let mut left: Vec<usize> = left.collect();
    left.reverse();
    let mut stopped = None;
    loop {
        while stopped.is_none()
            && going.len() + elsewhere.len() < common.backfill.parallel as usize
            && let Some(at) = left.pop()
        {
            match begin(backend, common, &times[at]).await {
                Ok(Some(Following { progress, stop, .. })) => {
                    stops.insert(at, stop);
                    going.push(async move { (at, ended(progress).await) });
                }
                Ok(None) => {
                    let (store, run) = (common.folders.store.clone(), times[at].run.clone());
                    elsewhere.push(async move { (at, ended_elsewhere(&store, &run).await) });
                }
                Err(trouble) if trouble.code == "backfill.cancelled" => left.clear(),
                Err(trouble) => return Err(trouble),
            }
        }
        if going.is_empty() && elsewhere.is_empty() {
            return Ok(stopped);
        }
        let (at, status) = tokio::select! {
            Some(next) = going.next(), if !going.is_empty() => next,
            Some(next) = elsewhere.next(), if !elsewhere.is_empty() => next,
            exit = signals.next() => {
                if stopped.replace(exit).is_some() {
                    return Ok(stopped);
                }
                anstream::eprintln!("stopping; typed again, it goes on");
                elsewhere.clear();
                match backend {
                    Backend::Here(owner) => owner.stop(),
                    Backend::There(_) => stops.values().for_each(|stop| stop()),
                }
                continue;
            }
        };
        stops.remove(&at);
        times[at].stands = Stands::Run(status?);
        if common.says {
            anstream::eprintln!("{}", line(&times[at]));
        }
    }
}

/// Starts the run of a time, or goes on with it. `None` if somebody else drives it, or it has ended just now.
async fn begin(
    backend: &mut Backend,
    common: &Common,
    time: &BackfillTime,
) -> Result<Option<Following>, Trouble> {
    let driven = if time.stands == Stands::Open {
        let new = start(common, time, &backend.blobs())?;
        backend.start(new, None).await
    } else {
        backend.resume(resumed(common, time)).await
    };
    match driven {
        Ok(Driven::Following(following)) => Ok(Some(following)),
        Ok(Driven::Exists | Driven::Told) => Ok(None),
        Err(trouble)
            if trouble.exit == Exit::Usage
                && matches!(&*trouble.code, "run.driven" | "run.ended") =>
        {
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

/// How a run ends, or why it does not go on here.
pub(super) async fn ended(mut progress: UnboundedReceiver<Progress>) -> Result<String, Trouble> {
    loop {
        match progress.recv().await {
            Some(Progress::Ended(ended)) => return Ok(ended.status.as_str().to_owned()),
            Some(Progress::Interrupted) => return Ok("interrupted".to_owned()),
            Some(Progress::Stopped) | None => return Ok("stopped".to_owned()),
            Some(Progress::StoreFailed(error)) => return Err(error.into()),
            Some(_) => {}
        }
    }
}

/// The same of a run that somebody else drives.
async fn ended_elsewhere(store: &Path, run: &str) -> Result<String, Trouble> {
    loop {
        // Before the row: what is written between the two counts.
        let owned = Store::is_owned(store);
        let row = Store::reader_of(store)?.run(run)?;
        match row {
            Some(row) if row.status != "running" && row.status != "waiting" => {
                return Ok(row.status);
            }
            _ if !owned => return Ok("stopped".to_owned()),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn start(common: &Common, time: &BackfillTime, blobs: &BlobFolder) -> Result<Start, Trouble> {
    let Common {
        workflow, trigger, ..
    } = common;
    let before = common
        .timetable
        .latest(Timestamp(i64::MIN / 2), Timestamp(time.due.0 - 1));
    let started_by = StartedBy {
        name: Some(trigger.name.to_string()),
        kind: "backfill".to_owned(),
        key: Some(super::make::key(trigger, time.due)),
        due: Some(time.due),
        due_previous: before.map(|before| before.at),
        backfill: Some(common.backfill.backfill.clone()),
        ..StartedBy::default()
    };
    let event = Value::map::<&str>([]);
    let given = common.given.clone();
    let given = starting::with_trigger(workflow, Some(trigger), given, &started_by, &event, blobs)
        .map_err(|error| refused(workflow, &[error]))?;
    let given = inputs::store_files(workflow, &given, &common.folders.project, blobs)?;
    Ok(Start {
        run: time.run.clone(),
        bundle: common.bundle.clone(),
        inputs: Value::from(given),
        started_by,
        trigger: event,
        sandbox: common.backfill.sandbox,
        project: Some(common.folders.project.display().to_string()),
        retry: None,
        secrets: common.secrets.clone(),
    })
}

fn resumed(common: &Common, time: &BackfillTime) -> Resume {
    Resume {
        run: time.run.clone(),
        decisions: Vec::new(),
        budget: Amount::default(),
        force: false,
        secrets: common.secrets.clone(),
    }
}
