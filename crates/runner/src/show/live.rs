//! Live progress on a terminal: what is done stays, what goes on is redrawn below it.

use std::collections::HashMap;
use std::time::Duration;

use flow_engine::report::{Report, StepState};
use flow_engine::time::Timestamp;
use flow_engine::workflow::Workflow;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::style::{BOLD, DIM, paint};
use super::summary::{step_line, step_words};

/// The live picture of one run.
pub(crate) struct Live {
    bars: MultiProgress,
    active: HashMap<String, ProgressBar>,
    width: usize,
}

impl Live {
    pub(crate) fn new(workflow: &Workflow) -> Live {
        let width = workflow
            .steps
            .iter()
            .filter(|step| step.undoes.is_none())
            .map(|step| {
                step.name.chars().count() + 2 * workflow.bodies_around(step.body).count() - 2
            })
            .max()
            .unwrap_or(0);
        Live {
            bars: MultiProgress::new(),
            active: HashMap::new(),
            width,
        }
    }

    /// The first line: what runs.
    pub(crate) fn title(&self, name: &str, run: &str, notes: &[String]) {
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!(" · {}", notes.join(" · "))
        };
        let _ = self.bars.println(format!(
            "{} {}",
            paint(BOLD, name),
            paint(DIM, format!("run {run}{notes}"))
        ));
    }

    /// Redraws the lines of steps that changed or that go on.
    pub(crate) fn update(&mut self, report: &Report, changed: Option<&str>, now: Timestamp) {
        // Items and rounds are counted in the line of their step.
        let changed = changed.filter(|name| !name.contains(['[', '#']));
        if let Some((name, step)) = changed.and_then(|name| report.steps.get_key_value(name)) {
            if step.ended_at.is_some() {
                if let Some(bar) = self.active.remove(name) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                let _ = self.bars.println(step_line(name, self.width, step, now));
            } else if !self.active.contains_key(name) {
                let bar = self.bars.add(ProgressBar::new_spinner());
                let style = ProgressStyle::with_template("  {spinner:.cyan} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner());
                bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
                bar.enable_steady_tick(Duration::from_millis(100));
                self.active.insert(name.clone(), bar);
            }
        }
        for (name, bar) in &self.active {
            if let Some(step) = report.steps.get(name) {
                let width = self.width;
                let words = step_words(step, now);
                let words = if matches!(step.state, StepState::Held { .. } | StepState::Waiting(..))
                {
                    paint(DIM, words)
                } else {
                    words
                };
                bar.set_message(format!("{name:width$}  {words}"));
            }
        }
    }

    /// A line above what goes on.
    pub(crate) fn line(&self, line: &str) {
        let _ = self.bars.println(line);
    }

    /// Nothing more goes on.
    pub(crate) fn finish(&mut self) {
        for (_, bar) in self.active.drain() {
            bar.finish_and_clear();
        }
        let _ = self.bars.clear();
    }
}
