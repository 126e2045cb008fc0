//! `flow logs`: what happened to a run, a line an event.

use std::io::IsTerminal;

use flow_engine::journal::Event;
use flow_engine::report::Report;
use flow_engine::time::Timestamp;
use flow_local::store::Store;
use serde_json::json;

use super::follow::{Follower, Left};
use super::resume::no_store;
use super::{StoreArguments, print};
use crate::exit::{Exit, Trouble};
use crate::show::log;
use crate::show::style::{DIM, paint};
use crate::stored::find;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning; the newest run if not given.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Go on until the run ends.
    #[arg(short, long)]
    follow: bool,
    /// Only what is about this step, its items and rounds included.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Print events as JSON lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn logs(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = match &arguments.run {
        Some(prefix) => find(&reader, prefix)?,
        None => reader.runs(1)?.pop().ok_or_else(|| no_store(&folders))?,
    };
    let mut follower = Follower::new(reader, &row.run);
    let mut said = Said::default();
    let mut each = |at, event: Event| said.line(arguments, at, &event);
    if !arguments.follow {
        follower
            .more()?
            .into_iter()
            .for_each(|(at, event)| each(at, event));
        return Ok(Exit::Success);
    }
    match follower.follow(&folders.store, each).await? {
        Left::Told(_) | Left::Ended => {}
        Left::Undriven(status) if status == "interrupted" => {
            anstream::eprintln!("the run waits for a decision: `flow show {}`", row.run);
        }
        Left::Undriven(_) => {
            anstream::eprintln!("nobody drives the run: `flow resume {}` goes on", row.run);
        }
    }
    Ok(Exit::Success)
}

/// What was said so far.
#[derive(Default)]
struct Said {
    report: Option<Report>,
    /// The day of the last line.
    day: String,
}

impl Said {
    fn line(&mut self, arguments: &Arguments, at: Timestamp, event: &Event) {
        match (&mut self.report, event) {
            (_, Event::RunStarted(started)) => {
                self.report = Some(Report::new(started.clone(), at));
            }
            (Some(report), event) => report.take(at, event),
            (None, _) => return,
        }
        let about = flow_engine::run::step_of(event);
        if let Some(wanted) = &arguments.step
            && !log::is_about(event, wanted)
        {
            return;
        }
        let report = self.report.as_ref();
        if arguments.json {
            let body: serde_json::Value =
                serde_json::from_str(&event.to_body()).unwrap_or_default();
            print(&format!(
                "{}\n",
                json!({ "at": at.to_string(), "event": event.kind(), "body": body })
            ));
        } else if let Some(words) = report.and_then(|report| log::words(report, event)) {
            let clock = self.clock(&at.to_string());
            print(&format!("{clock}  {}\n", log::line(about, &words)));
        }
    }

    /// The time of a line: all of it for programs, and for whoever watches that of the day, below the day.
    fn clock(&mut self, at: &str) -> String {
        match (at.get(..10), at.get(11..19)) {
            (Some(day), Some(clock)) if std::io::stdout().is_terminal() => {
                if self.day != day {
                    day.clone_into(&mut self.day);
                    print(&format!("{}\n", paint(DIM, format!("{day}, UTC"))));
                }
                clock.to_owned()
            }
            _ => at.to_owned(),
        }
    }
}
