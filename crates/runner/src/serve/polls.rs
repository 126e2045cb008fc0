//! Triggers that look at a service again and again: one task a connection, one request for all that ask the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flow_backend::context::StepContext;
use flow_backend::look::{call_of_items, call_of_watch, judge, judge_items};
use flow_backend::step::Call;
use flow_engine::catalog::Look as Looks;
use flow_engine::duration::Millis;
use flow_engine::expr::Scope;
use flow_engine::run::evaluate::arguments;
use flow_engine::run::look::{LookOutcome as Seen, Sighted};
use flow_engine::run::poll::{ItemsLook, asked_from, in_batches};
use flow_engine::run::{Failure, Values};
use flow_engine::time::Timestamp;
use flow_engine::value::{Hash, Value, journal};
use flow_engine::workflow::trigger::Items;
use flow_engine::workflow::{CallShape, Starts, Stop, Trigger};
use flow_local::clock::now;
use flow_local::driver::Services;
use flow_local::start::new_id;
use flow_local::store::{Look, LookOutcome, Occurrence, Outcome};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::daemon::{Daemon, Source, called};
use super::known::does_not_look;
use super::library::{Library, Loaded};
use super::log::Level;
use super::queue::services_of;
use crate::inputs;

/// No wait after a look that failed is longer.
const FAILING_MAX: Duration = Duration::from_secs(300);

/// How many items are written in one transaction.
const TOGETHER_MAX: usize = 1000;

/// A look that found nothing is written down after so long: that it was taken is worth knowing, but not each time.
const TOLD_AGAIN: Millis = Millis::seconds(600);

/// A trigger that looks.
struct Poller {
    source: Source,
    loaded: Arc<Loaded>,
    services: Services,
    values: Arc<Values>,
    arguments: Value,
    meaning: String,
    /// What the look before left; read from the store before the first.
    position: Option<Value>,
    next: Timestamp,
    failures: u32,
    /// When the store was last told of a look.
    told: Timestamp,
}

/// Looks for what is served until the daemon stops.
pub(super) async fn poll(daemon: Arc<Daemon>) {
    let of = |daemon: &Arc<Daemon>, library: &Library, stop: &CancellationToken| {
        let mut tasks = JoinSet::new();
        for group in groups(daemon, library).into_values() {
            tasks.spawn(of_connection(daemon.clone(), group, stop.clone()));
        }
        tasks
    };
    Daemon::keep(daemon, of).await;
}

/// The triggers that look, by connection.
fn groups(daemon: &Daemon, library: &Library) -> BTreeMap<String, Vec<Poller>> {
    let mut groups: BTreeMap<String, Vec<Poller>> = BTreeMap::new();
    for loaded in library.workflows.values() {
        for trigger in loaded.triggers() {
            let Some((shape, _)) = looks_with(trigger) else {
                continue;
            };
            let source: Source = (loaded.workflow.name.clone(), trigger.name.clone());
            match poller(daemon, loaded, source.clone(), shape) {
                Ok((connection, poller)) => {
                    groups.entry(connection).or_default().push(poller);
                }
                Err(why) => does_not_look(daemon, &source, &why),
            }
        }
    }
    groups
}

/// What a trigger looks with, and how often.
fn looks_with(trigger: &Trigger) -> Option<(&CallShape, Millis)> {
    match &trigger.starts {
        Starts::Poll(watch) => Some((&watch.call, watch.every)),
        Starts::Items(items) => Some((&items.call, items.every)),
        _ => None,
    }
}

fn poller(
    daemon: &Daemon,
    loaded: &Arc<Loaded>,
    source: Source,
    shape: &CallShape,
) -> Result<(String, Poller), String> {
    let workflow = &loaded.workflow;
    let given = inputs::with_defaults(workflow, &flow_engine::value::Map::new());
    let services = services_of(daemon, loaded, &given, true)?;
    let values = Arc::new(Values {
        secrets: Values::secrets_of(workflow),
        inputs: Value::from(given),
        ..Values::default()
    });
    let failed = |failure: Failure| format!("[{}] {}", failure.code, failure.message);
    let rendered = arguments(shape.arguments.iter(), &Scope::new(&*values), workflow)
        .map_err(Stop::into_failure)
        .map_err(failed)?;
    let mut poller = Poller {
        source,
        loaded: loaded.clone(),
        services,
        values,
        arguments: rendered,
        meaning: String::new(),
        position: None,
        next: now(),
        failures: 0,
        told: Timestamp::default(),
    };
    let context = daemon.context(&poller.services, &poller.source);
    let call = poller.call(None, &context).map_err(failed)?;
    let connection = &call.connection;
    let settings = journal::to_string(&Value::from(connection.settings.clone()));
    let identity = format!("{} {settings}", connection.connector);
    poller.meaning = Hash::of(format!("{identity}\n{}", asks(&call)).as_bytes()).to_string();
    poller.position = remembered(daemon, &poller);
    Ok((identity, poller))
}

/// What a look asks for, so that two that ask the same are asked once.
fn asks(call: &Call) -> String {
    let arguments = journal::to_string(&Value::from(call.arguments.clone()));
    format!("{} {arguments}", call.operation)
}

fn remembered(daemon: &Daemon, poller: &Poller) -> Option<Value> {
    let (workflow, trigger) = &poller.source;
    let read = || {
        daemon
            .owner
            .reader()
            .ok()?
            .trigger(workflow, trigger)
            .ok()?
    };
    let known = tokio::task::block_in_place(read)?;
    let position = known.position.filter(|_| known.meaning == poller.meaning)?;
    journal::from_str(&position).ok()
}

/// Looks for the triggers of one connection, one look after the other.
async fn of_connection(daemon: Arc<Daemon>, mut group: Vec<Poller>, stop: CancellationToken) {
    loop {
        let next = group
            .iter()
            .map(|poller| poller.next)
            .min()
            .unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(next.since(now()).0)) => {}
            () = stop.cancelled() => return,
        }
        let at = now();
        // Those that ask the same are told the same.
        let mut pages: Vec<(String, Result<Value, Failure>)> = Vec::new();
        for poller in group.iter_mut().filter(|poller| poller.next <= at) {
            if stop.is_cancelled() {
                return;
            }
            if daemon.is_paused(&poller.source) {
                poller.again(at, Duration::ZERO);
                continue;
            }
            let context = daemon.context(&poller.services, &poller.source);
            let page = match poller.call(Some(at), &context) {
                Err(failure) => Err(failure),
                Ok(call) => {
                    let asked = asks(&call);
                    let known = pages.iter().position(|(known, _)| *known == asked);
                    let known = if let Some(known) = known {
                        known
                    } else {
                        let page = poller.services.runner.perform(&call, &context).await;
                        pages.push((asked, page));
                        pages.len() - 1
                    };
                    pages[known].1.clone()
                }
            };
            let seen = match page {
                Ok(page) => poller.judge(page, at, &context).await,
                Err(failure) => Err(failure),
            };
            let rest = context.rest.asked();
            poller.record(&daemon, at, seen, rest).await;
        }
    }
}

impl Poller {
    fn trigger(&self) -> &Trigger {
        &self.loaded.workflow.triggers[&self.source.1]
    }

    /// The query, as it is asked at a time; as it is asked without any position, if no time is given.
    fn call(&self, at: Option<Timestamp>, context: &StepContext) -> Result<Call, Failure> {
        let (workflow, values) = (&self.loaded.workflow, &self.values);
        match &self.trigger().starts {
            Starts::Items(items) => {
                let from = at.and_then(|at| asked_from(items, self.position.as_ref(), at));
                call_of_items(workflow, items, &self.arguments, from, values, context)
            }
            Starts::Poll(watch) => call_of_watch(workflow, watch, &self.arguments, values, context),
            _ => Err(Failure::permanent(
                "internal.poll",
                "this trigger does not look",
            )),
        }
    }

    /// What is news in an answer.
    async fn judge(
        &self,
        page: Value,
        at: Timestamp,
        context: &StepContext,
    ) -> Result<Seen, Failure> {
        let (workflow, values) = (&self.loaded.workflow, &self.values);
        let position = self.position.as_ref();
        match &self.trigger().starts {
            Starts::Items(items) => {
                let look = ItemsLook {
                    polled: Items::clone(items),
                    condition: self.trigger().condition.clone(),
                    state: position.cloned(),
                    now: at,
                };
                let mut seen = judge_items(workflow, look, page, values, context).await?;
                if let Some(size) = items.batch {
                    seen.found = in_batches(&seen.found, size);
                }
                Ok(seen)
            }
            Starts::Poll(watch) => {
                let mut seen = judge(workflow, watch, position, page, at, values, context).await?;
                if matches!(watch.look, Looks::Level(_)) {
                    // A level starts a run when it comes to hold, not as long as it holds.
                    let holds = !seen.found.is_empty();
                    if position.and_then(Value::as_bool) == Some(true) {
                        seen.found.clear();
                    }
                    seen.state = Some(Value::from(holds));
                }
                for sighted in &mut seen.found {
                    // It may happen to the same thing again: the position tells whether it has.
                    sighted.key = format!("{}@{}", sighted.key, at.0);
                }
                Ok(seen)
            }
            _ => Err(Failure::permanent(
                "internal.poll",
                "this trigger does not look",
            )),
        }
    }

    /// Writes down how a look went, and plans the next one. `rest` is for how long the service takes no more, if it said so.
    async fn record(
        &mut self,
        daemon: &Daemon,
        at: Timestamp,
        seen: Result<Seen, Failure>,
        rest: Option<Millis>,
    ) {
        let about = called(&self.source);
        let asked = seen.as_ref().err().and_then(|failure| failure.retry_after);
        let asked = Duration::from_millis(asked.max(rest).map_or(0, |asked| asked.0));
        let failed = match &seen {
            Ok(_) => None,
            Err(failure) => Some(format!("[{}] {}", failure.code, failure.message)),
        };
        daemon.metrics.looked(&self.source, failed.is_none());
        match (&failed, self.failures) {
            (Some(error), 0) => {
                let said = format!("cannot look: {error}");
                daemon.log.say(Level::Error, &about, &said);
            }
            (None, 1..) => daemon.log.say(Level::Done, &about, "looks again"),
            _ => {}
        }
        let recorded = match (seen, failed.clone()) {
            (Ok(seen), _) => self.record_seen(daemon, at, seen).await,
            (Err(_), error) => {
                let error = error.unwrap_or_default();
                self.tell(daemon, at, Vec::new(), LookOutcome::Failed { error })
                    .await
            }
        };
        if let Err(error) = recorded {
            daemon.log.say(Level::Error, &about, &error);
            return self.again(at, FAILING_MAX);
        }
        if failed.is_some() {
            self.failures = self.failures.saturating_add(1);
            self.again(at, failing(self.every(), self.failures).max(asked));
        } else {
            self.failures = 0;
            self.again(at, asked);
        }
    }

    /// What was found and where the next look begins are one transaction, if it is not too much: items are then written
    /// some at a time, and the position with the last of them. What is written twice is known by its key.
    async fn record_seen(
        &mut self,
        daemon: &Daemon,
        at: Timestamp,
        seen: Seen,
    ) -> Result<(), String> {
        let found = seen.found.len();
        let changed = seen
            .state
            .filter(|state| Some(state) != self.position.as_ref());
        let saw = LookOutcome::Saw {
            position: changed.as_ref().map(journal::to_string),
            found,
        };
        let is_quiet = found == 0 && changed.is_none() && self.failures == 0;
        if is_quiet && at.since(self.told) <= TOLD_AGAIN {
            return Ok(());
        }
        let mut left = seen.found.into_iter();
        if matches!(self.trigger().starts, Starts::Items(_)) {
            while left.len() > TOGETHER_MAX {
                let some = occurrences(daemon, at, left.by_ref().take(TOGETHER_MAX))?;
                let noted = daemon.notice(&self.source, some, None).await;
                noted.map_err(|error| error.to_string())?;
            }
        }
        let rest = occurrences(daemon, at, left)?;
        self.tell(daemon, at, rest, saw).await?;
        if changed.is_some() {
            self.position = changed;
        }
        Ok(())
    }

    async fn tell(
        &mut self,
        daemon: &Daemon,
        at: Timestamp,
        occurrences: Vec<Occurrence>,
        outcome: LookOutcome,
    ) -> Result<(), String> {
        self.told = at;
        let look = Look {
            at,
            meaning: self.meaning.clone(),
            outcome,
        };
        let noted = daemon.notice(&self.source, occurrences, Some(look)).await;
        noted.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Its interval.
    fn every(&self) -> Duration {
        let every = looks_with(self.trigger()).map_or(1000, |(_, every)| every.0);
        Duration::from_millis(every)
    }

    /// Plans the next look: after its interval, or later.
    fn again(&mut self, at: Timestamp, at_least: Duration) {
        let wait = self.every().max(at_least);
        self.next = Timestamp(at.0 + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2));
    }
}

/// The wait after so many looks in a row that failed: there is always a next one.
fn failing(every: Duration, failures: u32) -> Duration {
    let wait = every.saturating_mul(2_u32.saturating_pow(failures.min(16)));
    wait.min(FAILING_MAX.max(every))
}

fn occurrences(
    daemon: &Daemon,
    at: Timestamp,
    found: impl Iterator<Item = Sighted>,
) -> Result<Vec<Occurrence>, String> {
    let occurrence = |sighted: Sighted| {
        Ok(Occurrence {
            key: sighted.key,
            at,
            due: None,
            payload: daemon.payload(sighted.item)?,
            digest: None,
            causes: 0,
            outcome: Outcome::Queued { run: new_id() },
        })
    };
    tokio::task::block_in_place(|| found.map(occurrence).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_any_number_of_failures_there_is_a_next_look() {
        let every = Duration::from_secs(1);
        let waits: Vec<u64> = (1..=1000)
            .map(|failures| failing(every, failures).as_secs())
            .collect();
        assert_eq!(waits[..4], [2, 4, 8, 16]);
        assert!(waits.iter().all(|wait| (2..=300).contains(wait)));
        assert!(waits.is_sorted());
        // One that looks seldom does not look more often because it fails.
        let hour = Duration::from_secs(3600);
        assert_eq!(failing(hour, 3), hour);
    }
}
