//! `flow serve`: the daemon.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StoreArguments;
use super::signals::Signals;
use crate::exit::{Exit, Trouble};
use crate::project;
use crate::serve::log::Format;
use crate::serve::{Options, Settings, listening, serve as keep};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder whose workflows are served; the current one if not given.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Run against the built-in loopback Claude API: no key, no network.
    #[arg(long)]
    sandbox: bool,
    /// The address to listen at, such as 0.0.0.0; that of flow.toml or 127.0.0.1 if not given.
    #[arg(long, value_name = "IP[:PORT]")]
    listen: Option<String>,
    /// The port, 0 for any that is free; that of the address or 4180 if not given.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// A proxy with TLS stands before it: others speak to that one.
    #[arg(long)]
    behind_proxy: bool,
    /// A further name under which it is reached, such as that of a proxy.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Where others reach it, such as `https://flow.example.com`: the beginning of the addresses at which steps are called back.
    #[arg(long, value_name = "URL")]
    public: Option<String>,
    /// How many runs that triggers start are driven at once; others wait in the store.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How many seconds runs may go on once it is told to stop; told again, none.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    grace: u64,
    /// How its lines look.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log: Format,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn serve(arguments: Arguments) -> Result<Exit, Trouble> {
    let mut signals = Signals::listen();
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            let message = format!("{path}: {error}");
            Trouble::new(Exit::Usage, "file.unreadable", message)
                .help("name a folder with workflows")
        }
    };
    let named = arguments.folder.as_deref().unwrap_or(Path::new("."));
    let folder = named.canonicalize().map_err(unreadable(named))?;
    let store = arguments.store.store.as_deref();
    let store = store
        .map(std::path::absolute)
        .transpose()
        .map_err(unreadable(named))?;
    // The project of the current folder, as for all commands, unless the folder lies outside of it.
    let here = std::env::current_dir().map_err(unreadable(Path::new(".")))?;
    let project = match project::folder(&here) {
        project if folder.starts_with(&project) => project,
        _ => project::folder(&folder),
    };
    let store = project::store(&project, store.as_deref());
    // Paths in workflows begin at the project folder, and so do the names of files.
    std::env::set_current_dir(&project).map_err(unreadable(&project))?;
    let folder = match folder.strip_prefix(&project) {
        Ok(inner) if inner.as_os_str().is_empty() => PathBuf::from("."),
        Ok(inner) => inner.to_owned(),
        Err(_) => folder,
    };
    let options = Options {
        listen: arguments.listen,
        port: arguments.port,
        behind_proxy: arguments.behind_proxy,
        hosts: arguments.hosts,
        public: arguments.public,
    };
    let settings = Settings {
        listening: listening(&project, &store, options)?,
        folder,
        project,
        store,
        sandbox: arguments.sandbox,
        runs_max: usize::try_from(arguments.runs).unwrap_or(usize::MAX),
        grace: Duration::from_secs(arguments.grace),
        log: arguments.log,
    };
    match keep(settings, async || signals.next().await).await? {
        // Being told to stop is how a daemon ends.
        Exit::Stopped | Exit::Terminated => Ok(Exit::Success),
        exit => Ok(exit),
    }
}
