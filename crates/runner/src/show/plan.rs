//! What a run would do, for people and programs.

use std::fmt::Write;
use std::sync::Arc;

use comfy_table::{ContentArrangement, Table};
use flow_backend::virtual_world::rehearsal::{Calls, Planned, Will};
use flow_engine::money::{Costs, Estimate, usd};
use flow_engine::workflow::{Does, Workflow};
use serde_json::{Value as Json, json};

use super::graph::does;
use super::money::{self, number};
use super::style::{DIM, paint};
use super::summary::skip_words;
use super::values::{self, plural};

/// A plan with what it would cost.
pub(crate) struct Shown {
    workflow: Arc<Workflow>,
    steps: Vec<Planned>,
    all: Estimate,
    /// What is to be expected by what earlier runs cost, in nano-dollars; `None` without such runs.
    expected: Option<u64>,
}

impl Shown {
    /// `usual` is what earlier runs cost.
    pub(crate) fn new(workflow: &Arc<Workflow>, steps: Vec<Planned>, usual: &Costs) -> Shown {
        let mut all = Estimate::default();
        for step in &steps {
            if let Will::Call(Calls {
                estimate: Some(estimate),
                ..
            }) = &step.will
            {
                all.extend(estimate);
            }
        }
        Shown {
            workflow: workflow.clone(),
            expected: expected(&all, usual),
            all,
            steps,
        }
    }

    /// Steps whose calls cost something, how much nobody knows yet.
    fn unknown(&self) -> impl Iterator<Item = (&Planned, &str)> {
        self.steps.iter().filter_map(|planned| {
            let Will::Depends(needs) = &planned.will else {
                return None;
            };
            let step = &planned.workflow.steps[planned.step];
            let priced = matches!(&step.does, Does::Call(call) if call.priced);
            priced.then_some((planned, &**needs))
        })
    }
}

/// What the calls will cost if answers are as long as they were; `None` if that cannot be told of all models.
fn expected(all: &Estimate, usual: &Costs) -> Option<u64> {
    let mut sum = 0_u64;
    for (most, prompt) in all.most.lines().iter().zip(all.prompt.lines()) {
        let known = usual.lines().iter().filter(|line| line.model == most.model);
        let (calls, output) = known.fold((0_u64, 0_u64), |(calls, output), line| {
            (calls + line.calls, output + line.tokens.output)
        });
        let answers = u128::from(most.nano_usd.saturating_sub(prompt.nano_usd));
        let longest = u128::from(most.tokens.output) * u128::from(calls);
        let usual = u128::from(output) * u128::from(most.calls);
        let part = (answers * usual).checked_div(longest)?.min(answers);
        sum = sum.saturating_add(prompt.nano_usd + u64::try_from(part).unwrap_or(u64::MAX));
    }
    (!all.most.is_empty()).then_some(sum)
}

/// A line a step, then the sums.
pub(crate) fn text(shown: &Shown) -> String {
    let title = format!(
        "{}: what a run would do; nothing was called",
        shown.workflow.name
    );
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    for planned in &shown.steps {
        let step = &planned.workflow.steps[planned.step];
        table.add_row([
            format!("{}{}", "  ".repeat(planned.depth), step.name),
            does(step),
            effect(planned).to_owned(),
            words(planned),
        ]);
    }
    let lines = table.trim_fmt();
    let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
    let mut text = format!("{}\n{}\n", paint(DIM, title), lines.join("\n"));
    sums(shown, &mut text);
    text
}

fn sums(shown: &Shown, text: &mut String) {
    let all = &shown.all;
    let most = all.most.total();
    if most.calls > 0 {
        let least = usd(all.prompt.total().nano_usd);
        let _ = writeln!(
            text,
            "tokens: about {} in, at most {} out",
            number(most.tokens.prompt()),
            number(most.tokens.output)
        );
        let expected = shown
            .expected
            .map(|expected| format!(", as in earlier runs {}", usd(expected)));
        let _ = writeln!(
            text,
            "cost: {least} for the prompts alone{}, at most {}{}",
            expected.unwrap_or_default(),
            usd(most.nano_usd),
            unpriced(&all.most)
        );
        let mut ways = vec![format!(
            "each by itself {}",
            usd(all.single.total().nano_usd)
        )];
        for (name, costs) in &all.shares {
            ways.push(format!("{name} {}", usd(costs.total().nano_usd)));
        }
        ways.push(format!(
            "by itself with the whole prompt from a cache {}{}",
            usd(all.cached.total().nano_usd),
            unpriced(&all.cached)
        ));
        let _ = writeln!(text, "the same requests at most: {}", ways.join(", "));
    }
    for (planned, needs) in shown.unknown() {
        let _ = writeln!(
            text,
            "not in it: `{}`, whose requests depend on what `{needs}` gives",
            planned.path
        );
    }
}

fn unpriced(costs: &Costs) -> String {
    match costs.total().unpriced {
        0 => String::new(),
        some => format!(" and {} without a known price", plural(some, "request")),
    }
}

fn effect(planned: &Planned) -> &'static str {
    match &planned.workflow.steps[planned.step].does {
        Does::Call(call) => call.effect.as_str(),
        _ => "",
    }
}

fn words(planned: &Planned) -> String {
    let items = planned.items.map(|items| plural(items, "item"));
    let what = match &planned.will {
        Will::Done(Some(value)) => format!("done: {}", values::brief(value)),
        Will::Done(None) => "done".to_owned(),
        Will::Call(calls) => calls_words(calls),
        Will::Wait => "waits".to_owned(),
        Will::Depends(needs) => format!("depends on what `{needs}` gives"),
        Will::Finally => "at the end, in any case".to_owned(),
        Will::Skip(reason) => skip_words(reason),
        Will::Fail(failure) => format!("would fail: {}: {}", failure.code, failure.message),
        Will::Inside => String::new(),
        Will::Nothing => "nothing to do".to_owned(),
    };
    let parts = items.into_iter().chain([what]);
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

fn calls_words(calls: &Calls) -> String {
    let least = if calls.at_least { "at least " } else { "" };
    let mut words = format!("{least}{}", plural(calls.count, "call"));
    if let Some(requests) = calls.requests {
        let _ = write!(words, " with {}", plural(requests, "request"));
    }
    if let Some(estimate) = &calls.estimate {
        let most = estimate.most.total();
        let _ = write!(
            words,
            ", at most {}{}",
            usd(most.nano_usd),
            unpriced(&estimate.most)
        );
    }
    if let Some(failure) = &calls.failure {
        let _ = write!(words, "; would fail: {}: {}", failure.code, failure.message);
    }
    words
}

/// The same for programs.
pub(crate) fn json(shown: &Shown) -> Json {
    let steps = shown.steps.iter().map(|planned| {
        let step = &planned.workflow.steps[planned.step];
        let mut form = json!({
            "step": planned.path,
            "does": does(step),
            "effect": Some(effect(planned)).filter(|effect| !effect.is_empty()),
            "items": planned.items,
        });
        let (will, more) = will_json(&planned.will);
        form["will"] = will.into();
        if let (Some(form), Json::Object(more)) = (form.as_object_mut(), more) {
            form.extend(more);
        }
        form
    });
    let unknown = shown.unknown();
    let unknown: Vec<Json> = unknown
        .map(|(planned, needs)| json!({ "step": planned.path, "needs": needs }))
        .collect();
    json!({
        "workflow": &*shown.workflow.name,
        "steps": steps.collect::<Vec<Json>>(),
        "estimate": estimate_json(&shown.all),
        "expected_nano_usd": shown.expected,
        "not_in_it": unknown,
    })
}

fn will_json(will: &Will) -> (&'static str, Json) {
    match will {
        Will::Done(value) => (
            "done",
            json!({ "value": value.as_ref().map(values::to_json) }),
        ),
        Will::Call(calls) => (
            "call",
            json!({
                "calls": calls.count,
                "at_least": calls.at_least,
                "requests": calls.requests,
                "estimate": calls.estimate.as_ref().map(estimate_json),
                "error": calls.failure,
            }),
        ),
        Will::Wait => ("wait", Json::Null),
        Will::Depends(needs) => ("depends", json!({ "needs": &**needs })),
        Will::Finally => ("finally", Json::Null),
        Will::Skip(reason) => ("skip", json!({ "reason": reason })),
        Will::Fail(failure) => ("fail", json!({ "error": failure })),
        Will::Inside => ("inside", Json::Null),
        Will::Nothing => ("nothing", Json::Null),
    }
}

fn estimate_json(estimate: &Estimate) -> Json {
    let shares = estimate.shares.iter();
    let shares: serde_json::Map<String, Json> = shares
        .map(|(name, costs)| (name.to_string(), money::total_json(&costs.total())))
        .collect();
    json!({
        "prompt": money::to_json(&estimate.prompt),
        "most": money::to_json(&estimate.most),
        "single": money::total_json(&estimate.single.total()),
        "shares": shares,
        "cached": money::total_json(&estimate.cached.total()),
    })
}
