//! `flow serve`: the process that keeps the workflows of a folder alive.
//!
//! Whatever starts a run is recorded first: a due time, an item, a delivery is a row of the store before anybody hears that
//! it was taken, and the row becomes a run. So a kill at any moment loses nothing and starts nothing twice.
//!
//! Read in this order: `listening` (where it is reached) with `certificate` and `places`, [`library`] (what is served) and `files` (when it changes), `daemon` (what the parts share), `queue`
//! (from rows to runs), then who makes rows: `clock`, `polls`, `dropped`, `events`, `hooks` with `verify` and `http`; `known` (what the store knows of all of them); `take_up`
//! (runs left over), `wake` (runs that wait for something) and `retention` (those that are old); `log`, `telemetry` and
//! `supervisor` (who is told what); `send` with `sign` (deliveries made by hand).

mod certificate;
mod clock;
mod daemon;
mod dropped;
mod events;
mod files;
mod hooks;
mod http;
mod known;
mod library;
mod listening;
pub(crate) mod log;
mod places;
mod polls;
mod queue;
mod retention;
pub(crate) mod send;
mod sign;
mod supervisor;
mod take_up;
mod telemetry;
mod verify;
mod wake;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow_engine::schedule::Timetable;
use flow_engine::workflow::{Starts, Trigger};
use flow_local::clock::now;
use tokio::sync::mpsc::unbounded_channel;

use crate::exit::{Exit, Trouble};
use crate::host::Owner;
use crate::host::order::SecretTexts;
use crate::services;
use crate::tokens::Tokens;
use daemon::{Daemon, called};
use files::Files;
use http::Server;
pub(crate) use http::{USUAL_SERVER, openapi};
use library::{Library, Told, World};
pub(crate) use listening::{Listening, Options, listening};
use log::{Format, Level, Log};
use queue::Word;
use supervisor::Supervisor;
use telemetry::{Metrics, Traces};

/// What a daemon is started with.
pub(crate) struct Settings {
    /// The folder in which workflows are found, as it is shown.
    pub(crate) folder: PathBuf,
    /// The project folder: the current one.
    pub(crate) project: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) sandbox: bool,
    pub(crate) listening: Listening,
    /// How many runs it drives at once.
    pub(crate) runs_max: usize,
    /// How long runs may go on once it is told to stop.
    pub(crate) grace: Duration,
    pub(crate) log: Format,
}

/// The port on which deliveries are taken if no other is named.
pub(crate) const PORT: u16 = 4180;

/// So long is waited at the end for steps that must not happen twice, once their grace is over.
const LAST: Duration = Duration::from_secs(3);

/// The file of the store that says where its daemon listens.
const ADDRESS: &str = "address";

/// Where the daemon of a store listens; where it would by default, if none has said so.
pub(crate) fn address_of(store: &Path) -> String {
    match std::fs::read_to_string(store.join(ADDRESS)) {
        Ok(address) if !address.trim().is_empty() => address.trim().to_owned(),
        _ => format!("http://127.0.0.1:{PORT}"),
    }
}

/// Serves until `stop`; then stops in order: nothing new starts, and what goes on has a moment to end.
pub(crate) async fn serve(
    settings: Settings,
    mut stop: impl AsyncFnMut() -> Exit,
) -> Result<Exit, Trouble> {
    let log = Log(settings.log);
    let metrics = Arc::new(Metrics::new());
    let (traces, collector) = Traces::start(settings.store.clone(), log)?.unzip();
    let hearer = telemetry::hearer(metrics.clone(), traces);
    let owner = Owner::new(crate::host::own(&settings.store).await?, Some(hearer))?;
    let first = world(&owner, &settings).await?;
    let (queue, words) = unbounded_channel();
    let daemon = Arc::new(Daemon::new(
        owner.clone(),
        settings.project.clone(),
        settings.sandbox,
        log,
        metrics,
        queue.clone(),
    ));
    let knows = Arc::downgrade(&daemon);
    owner.on_pause(move || knows.upgrade().iter().for_each(|daemon| daemon.paused()));
    let knows = Arc::downgrade(&daemon);
    owner.on_dequeue(move |queued, reason| {
        knows
            .upgrade()
            .iter()
            .for_each(|daemon| daemon.dequeued(queued, reason));
    });
    daemon.read_paused()?;
    if let Some(sandbox) = owner.sandbox_url().await {
        log.say(
            Level::Info,
            "serve",
            &format!("the sandbox is at {sandbox}"),
        );
    }
    let beside = vec![PathBuf::from("."), PathBuf::from("connectors")];
    let mut files = Files::watch(&settings.folder, beside);
    read_anew(&daemon, &settings.folder, &first, false);
    let token = Tokens::of(&settings.store).first()?;
    events::begin(&daemon).await;
    // Whoever is told where it listens finds everything there.
    let server = listen(&daemon, &settings).await?;
    overview(&daemon);
    if let Some(path) = token {
        let path = path.strip_prefix(&settings.project).unwrap_or(&path);
        let path = path.display();
        let message = format!("the API is at /api/v1; a token of scope admin is in {path}");
        log.say(Level::Info, "serve", &message);
    }
    queue::left(&daemon, &queue)?;
    let parts = [
        tokio::spawn(queue::start_queued(
            daemon.clone(),
            words,
            owner.reader()?,
            settings.runs_max,
        )),
        tokio::spawn(take_up::take_up(daemon.clone())),
        tokio::spawn(clock::keep_time(daemon.clone())),
        tokio::spawn(polls::poll(daemon.clone())),
        tokio::spawn(dropped::watch(daemon.clone())),
        tokio::spawn(events::listen(daemon.clone())),
        tokio::spawn(wake::wake(daemon.clone())),
        tokio::spawn(retention::keep(daemon.clone())),
    ];
    let mut supervisor = Supervisor::find();
    supervisor.ready(&format!("listens on {}", server.names.listens()));
    let exit = loop {
        tokio::select! {
            exit = stop() => break exit,
            () = supervisor.asks() => {
                // Through the loop that drives the runs: one that hangs does not live.
                owner.drives("").await;
                supervisor.lives();
            }
            () = files.changed() => match world(&owner, &settings).await {
                Ok(world) => read_anew(&daemon, &settings.folder, &world, true),
                Err(trouble) => log.say(Level::Error, "connectors", &library::said(&trouble)),
            },
        }
    };
    log.say(Level::Info, "serve", "stops: nothing new starts");
    supervisor.stopping();
    daemon.stopping.cancel();
    for part in parts {
        let _ = part.await;
    }
    wind_down(&owner, settings.grace, stop(), log).await;
    // Whoever came meanwhile was told to come again.
    server.stop();
    let _ = std::fs::remove_file(settings.store.join(ADDRESS));
    close(&owner, log).await;
    if let Some(collector) = collector {
        collector.close().await;
    }
    Ok(exit)
}

/// Listens, and says where: in the log, to whoever signs deliveries by hand, and in the addresses of callbacks.
async fn listen(daemon: &Arc<Daemon>, settings: &Settings) -> Result<Server, Trouble> {
    let listening = &settings.listening;
    let server = Server::start(daemon.clone(), listening, settings.runs_max).await?;
    let names = &server.names;
    tokio::task::block_in_place(|| daemon.owner.store().take_callbacks(names.handed_out()))?;
    std::fs::write(settings.store.join(ADDRESS), names.here())
        .map_err(|error| Trouble::new(Exit::Unavailable, "store.io", error.to_string()))?;
    let message = format!("listens on {}", names.listens());
    daemon.log.say(Level::Info, "serve", &message);
    if listening.is_nameless() {
        let message = format!(
            "addresses of callbacks begin with {}: `public` in flow.toml, or --public, says where others reach it",
            names.handed_out()
        );
        daemon.log.say(Level::Warning, "serve", &message);
    }
    Ok(server)
}

/// Runs have their grace, unless somebody asks again to stop.
async fn wind_down(owner: &Owner, grace: Duration, again: impl Future<Output = Exit>, log: Log) {
    owner.wind_down();
    let rested = tokio::select! {
        rested = tokio::time::timeout(grace, owner.rest(|| ())) => rested.is_ok(),
        _ = again => false,
    };
    if !rested {
        let message = "runs that still go are stopped; they go on at the next start";
        log.say(Level::Info, "serve", message);
    }
}

/// Stops what still goes. Nobody waits for long for what cannot be broken off: the process ends its commands.
async fn close(owner: &Owner, log: Log) {
    if tokio::time::timeout(LAST, owner.close()).await.is_err() {
        let message = "steps that must not happen twice were cut off: they need a decision, `flow runs --status interrupted`";
        log.say(Level::Warning, "serve", message);
    }
}

/// The connectors as they are now, to check against and to run with.
async fn world(owner: &Owner, settings: &Settings) -> Result<World, Trouble> {
    let read = || services::connectors(&settings.project);
    let (connectors, to_run) =
        tokio::task::block_in_place(|| Ok::<_, Trouble>((read()?, read()?)))?;
    let project = Some(settings.project.clone());
    // Each run and each look has secrets of its own.
    let none = SecretTexts::new();
    let base = owner
        .services(to_run, none, project, settings.sandbox)
        .await?;
    Ok(World {
        connectors: Arc::new(connectors),
        base,
    })
}

/// Reads the folder, and serves what is whole of it; `says` what has changed.
fn read_anew(daemon: &Daemon, folder: &Path, world: &World, says: bool) {
    let before = daemon.now_served();
    let (library, told) = tokio::task::block_in_place(|| before.read(folder, world));
    let Told {
        wrong,
        new,
        changed,
        gone,
    } = told;
    let mut known = daemon.wrong();
    let said = std::mem::replace(&mut *known, wrong.clone());
    // What was said before is not said again.
    for (path, message) in wrong.into_iter().filter(|wrong| !said.contains(wrong)) {
        let is_kept = before.workflows.values().any(|known| known.path == path);
        let kept = if is_kept {
            "; its last good version is served"
        } else {
            ""
        };
        daemon.log.say(
            Level::Error,
            &path.display().to_string(),
            &format!("{message}{kept}"),
        );
    }
    for (names, what) in [
        (&new, "is served"),
        (&changed, "has changed"),
        (
            &gone,
            "is not served any more: what is queued of it waits until it is",
        ),
    ] {
        for name in names.iter().filter(|_| says) {
            daemon.log.say(Level::Info, name, what);
        }
    }
    if new.is_empty() && changed.is_empty() && gone.is_empty() {
        return;
    }
    let hooks = hooks::table(&library);
    known::make_known(daemon, &library, &hooks);
    daemon.set_hooks(hooks);
    daemon.library.send_replace(Arc::new(library));
    let _ = daemon.queue.send(Word::Look);
}

/// Says what is served, and what starts it.
fn overview(daemon: &Daemon) {
    let library: Arc<Library> = daemon.now_served();
    let sandbox = if daemon.sandbox {
        ", against the sandbox"
    } else {
        ""
    };
    let count = library.workflows.len();
    let many = if count == 1 { "" } else { "s" };
    daemon.log.say(
        Level::Info,
        "serve",
        &format!("{count} workflow{many}{sandbox}"),
    );
    for loaded in library.workflows.values() {
        for trigger in loaded.triggers() {
            if !known::works(daemon, loaded, trigger) {
                continue;
            }
            let source = (loaded.workflow.name.clone(), trigger.name.clone());
            let timetable = loaded.timetable(&trigger.name);
            let words = described(trigger, timetable.as_ref());
            let how = match timetable.and_then(|timetable| timetable.next_after(now())) {
                Some(due) => format!("{words}; next {}", due.at),
                None => words,
            };
            let paused = if daemon.is_paused(&source) {
                " (paused)"
            } else {
                ""
            };
            daemon
                .log
                .say(Level::Info, &called(&source), &format!("{how}{paused}"));
        }
    }
}

/// What a trigger waits for, in words; `timetable` is its own, if it is made of times.
fn described(trigger: &Trigger, timetable: Option<&Timetable>) -> String {
    match &trigger.starts {
        Starts::Schedule(_) | Starts::Every(..) => {
            timetable.map(Timetable::words).unwrap_or_default()
        }
        Starts::Poll(watch) => format!("looks every {}", watch.every),
        Starts::Items(items) => format!("looks every {}", items.every),
        Starts::Delivery(delivery) => format!("taken at POST /webhooks/{}", delivery.path),
        Starts::Event(name) => format!("hears of `{name}`"),
        Starts::File(pattern) => format!("watches `{pattern}`"),
    }
}
