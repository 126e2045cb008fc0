//! Random workflows from a seed, and what must become of them: a model of the tables in `docs/semantics.md` that shares no
//! code with the machine.

pub(crate) mod spice;

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Numbers from a seed: the same seed, the same workflow.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// How a step needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// `needs:`.
    Success,
    /// `default`.
    NoFailure,
    /// `status()`.
    Nothing,
}

/// What a step does, and whether that succeeds.
#[derive(Debug, Clone)]
enum Does {
    Value,
    Ok(&'static str),
    Bad(&'static str),
    Group(Vec<Shape>, Vec<Shape>),
}

/// A step.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    name: String,
    does: Does,
    needs: Vec<(String, Needs)>,
    condition: Option<bool>,
    items: Option<u64>,
    tolerate: u64,
    rounds: Option<u64>,
    on_error: u64,
    undo: bool,
    /// The items go by ranges.
    by_ranges: bool,
    /// The items are so large that they are stored.
    stored: bool,
    /// Keys that the model knows nothing of.
    more: Vec<&'static str>,
}

/// How a step, item or round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Good,
    Bad,
    Skipped,
}

impl End {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            End::Good => "succeeded",
            End::Bad => "failed",
            End::Skipped => "skipped",
        }
    }
}

/// A whole workflow.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    steps: Vec<Shape>,
    finally: Vec<Shape>,
}

/// What must become of it: the end of every path, and of the run.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) paths: BTreeMap<String, End>,
    pub(crate) undone: Vec<String>,
    pub(crate) failed: bool,
}

/// A read that never comes to an end.
const BUSY: &str = "query: svc.busy, retry: { attempts: 2, initial: 10ms }";

/// What the operations answer, whenever they are asked: a resumed run sees the same world.
pub(crate) const SCRIPT: &str = r#"{
  "svc.read": {"id": 1, "done": true},
  "svc.put": {"id": 2},
  "svc.list": 404,
  "svc.busy": 503,
  "svc.note": 503
}"#;

/// Three texts of this length are stored together, one is not.
const PAD_BYTES: usize = 30_000;

/// In a loop that goes by ranges one item in so many fails.
const ONE_FAILS: u64 = 20;

pub(crate) fn draw(seed: u64) -> Drawn {
    let mut dice = Dice::new(seed);
    let mut count = 0;
    let steps = body(&mut dice, &mut count, 0, &[]);
    let names: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
    let finally = if dice.one_in(3) {
        small_body(&mut dice, &mut count, &names)
    } else {
        Vec::new()
    };
    Drawn { steps, finally }
}

fn body(dice: &mut Dice, count: &mut u64, depth: u64, around: &[String]) -> Vec<Shape> {
    let size = 1 + dice.roll(if depth == 0 { 5 } else { 3 });
    let mut seen: Vec<String> = around.to_vec();
    let mut steps = Vec::new();
    for _ in 0..size {
        let name = format!("s{count}");
        *count += 1;
        let does = match dice.roll(if depth < 2 { 9 } else { 7 }) {
            0 => Does::Value,
            1 => Does::Ok("query: svc.read"),
            2 => Does::Ok("action: svc.put"),
            3 => Does::Ok("trigger: svc.done, timeout: 1h"),
            4 => Does::Bad("query: svc.list"),
            5 => Does::Bad("action: svc.note, retry: { attempts: 2, initial: 10ms }"),
            6 => Does::Bad("action: flow.fail, with: { message: no }"),
            _ => {
                let inner = body(dice, count, depth + 1, &seen);
                let names: Vec<String> = inner.iter().map(|step| step.name.clone()).collect();
                let finally = if dice.one_in(4) {
                    small_body(dice, count, &names)
                } else {
                    Vec::new()
                };
                Does::Group(inner, finally)
            }
        };
        let mut needs: Vec<(String, Needs)> = Vec::new();
        for _ in 0..dice.roll(3) {
            if seen.is_empty() {
                break;
            }
            let at = usize::try_from(dice.roll(seen.len() as u64)).expect("small");
            let how = [Needs::Success, Needs::NoFailure, Needs::Nothing];
            let how = how[usize::try_from(dice.roll(3)).expect("small")];
            if needs.iter().all(|(name, _)| *name != seen[at]) {
                needs.push((seen[at].clone(), how));
            }
        }
        let does = match does {
            Does::Bad("query: svc.list") if dice.one_in(3) => Does::Bad(BUSY),
            does => does,
        };
        let is_range = matches!(
            does,
            Does::Value | Does::Ok("query: svc.read") | Does::Bad(BUSY)
        ) && dice.one_in(3);
        let is_held = matches!(does, Does::Ok(verb) if verb.starts_with("trigger"));
        let mut step = Shape {
            condition: dice.one_in(5).then(|| dice.one_in(2)),
            // At most eight at a time: loops in loops share the slots of the outermost, and none of them waits here.
            items: (dice.one_in(4)).then(|| dice.roll(3)),
            tolerate: dice.roll(2),
            rounds: (!is_held && dice.one_in(5)).then(|| 1 + dice.roll(2)),
            on_error: dice.roll(6),
            undo: matches!(does, Does::Ok("action: svc.put") | Does::Group(..)) && dice.one_in(2),
            by_ranges: is_range,
            stored: false,
            more: Vec::new(),
            name: name.clone(),
            does,
            needs,
        };
        if step.by_ranges {
            step.items = Some(16 + dice.roll(30));
            step.rounds = None;
        }
        steps.push(step);
        seen.push(name);
    }
    steps
}

/// What may stand under `finally`: steps that use what came before, or not.
fn small_body(dice: &mut Dice, count: &mut u64, before: &[String]) -> Vec<Shape> {
    let mut steps = Vec::new();
    for _ in 0..=dice.roll(2) {
        let name = format!("s{count}");
        *count += 1;
        let at = usize::try_from(dice.roll(before.len() as u64)).expect("small");
        let needs = match dice.roll(3) {
            0 => vec![(before[at].clone(), Needs::Success)],
            1 => vec![(before[at].clone(), Needs::NoFailure)],
            _ => Vec::new(),
        };
        steps.push(Shape {
            name,
            does: if dice.one_in(4) {
                Does::Bad("query: svc.list")
            } else {
                Does::Ok("query: svc.read")
            },
            needs,
            condition: None,
            items: None,
            tolerate: 0,
            rounds: None,
            on_error: dice.roll(3),
            undo: false,
            by_ranges: false,
            stored: false,
            more: Vec::new(),
        });
    }
    steps
}

impl Drawn {
    pub(crate) fn yaml(&self) -> String {
        let mut text = if self.has_stored() {
            format!("vars: {{ pad: {} }}\n", "x".repeat(PAD_BYTES))
        } else {
            String::new()
        };
        text.push_str("steps:\n");
        written(&self.steps, 1, &mut text);
        if !self.finally.is_empty() {
            text.push_str("finally:\n");
            written(&self.finally, 1, &mut text);
        }
        text
    }

    /// The model.
    pub(crate) fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        let mut ends = BTreeMap::new();
        let mut undoable = Vec::new();
        let mut model = Model {
            expected: &mut expected,
            undoable: &mut undoable,
        };
        let mut bad = model.body(&self.steps, "", &mut ends, false);
        if bad {
            model.expected.undone.clone_from(model.undoable);
        }
        bad |= model.body(&self.finally, "", &mut ends, true);
        expected.failed = bad;
        expected
    }
}

struct Model<'m> {
    expected: &'m mut Expected,
    undoable: &'m mut Vec<String>,
}

impl Model<'_> {
    /// Whether a failure in it counts. `ends` are those of all steps in sight.
    fn body(
        &mut self,
        steps: &[Shape],
        prefix: &str,
        ends: &mut BTreeMap<String, End>,
        finally: bool,
    ) -> bool {
        let mut bad = false;
        for step in steps {
            let path = format!("{prefix}{}", step.name);
            let end = self.step(step, &path, ends, finally);
            ends.insert(step.name.clone(), end);
            bad |= end == End::Bad && step.on_error != 1;
        }
        bad
    }

    fn step(
        &mut self,
        step: &Shape,
        path: &str,
        ends: &BTreeMap<String, End>,
        finally: bool,
    ) -> End {
        let lost = step
            .needs
            .iter()
            .any(|(name, how)| match (how, ends[name]) {
                (_, End::Good) | (Needs::Nothing, _) | (Needs::NoFailure, End::Skipped) => false,
                (Needs::NoFailure, End::Bad) => !finally,
                (Needs::Success, _) => true,
            });
        if lost || step.condition == Some(false) {
            return self.ended(path, End::Skipped);
        }
        let end = match step.items {
            None => self.item(step, path, ends),
            Some(count) if step.by_ranges => self.ranges(step, path, count),
            Some(count) => {
                let mut failed = 0;
                for index in 0..count {
                    let path = format!("{path}[{index}]");
                    let end = self.item(step, &path, ends);
                    self.ended(&path, end);
                    failed += u64::from(end == End::Bad);
                }
                if failed > step.tolerate {
                    End::Bad
                } else {
                    End::Good
                }
            }
        };
        let end = if end == End::Bad && step.on_error == 2 {
            End::Good
        } else {
            end
        };
        self.ended(path, end)
    }

    /// Items of ranges have no end of their own but those that are tried again: all do that, until too many have failed.
    fn ranges(&mut self, step: &Shape, path: &str, count: u64) -> End {
        let failed = if let Does::Bad(_) = step.does {
            for index in 0..=step.tolerate {
                self.ended(&format!("{path}[{index}]"), End::Bad);
            }
            count
        } else {
            count.div_ceil(ONE_FAILS)
        };
        if failed > step.tolerate {
            End::Bad
        } else {
            End::Good
        }
    }

    fn item(&mut self, step: &Shape, path: &str, ends: &BTreeMap<String, End>) -> End {
        let Some(rounds) = step.rounds else {
            return self.once(step, path, ends);
        };
        for round in 0..rounds {
            let path = format!("{path}#{round}");
            let end = self.once(step, &path, ends);
            if self.ended(&path, end) == End::Bad {
                return End::Bad;
            }
        }
        End::Good
    }

    fn once(&mut self, step: &Shape, path: &str, ends: &BTreeMap<String, End>) -> End {
        let end = match &step.does {
            Does::Value | Does::Ok(_) => End::Good,
            Does::Bad(_) => End::Bad,
            Does::Group(inner, finally) => {
                let mut ends = ends.clone();
                let prefix = format!("{path}/");
                let mut bad = self.body(inner, &prefix, &mut ends, false);
                bad |= self.body(finally, &prefix, &mut ends, true);
                if bad { End::Bad } else { End::Good }
            }
        };
        if end == End::Good && step.undo {
            self.undoable.push(format!("{path}.undo"));
        }
        end
    }

    fn ended(&mut self, path: &str, end: End) -> End {
        self.expected.paths.insert(path.to_owned(), end);
        end
    }
}

fn written(steps: &[Shape], depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for step in steps {
        let _ = writeln!(text, "{indent}{}:", step.name);
        let indent = "  ".repeat(depth + 1);
        let mut line = |key: &str, value: String| {
            let _ = writeln!(text, "{indent}{key}: {value}");
        };
        let of = |how: Needs| {
            let names = step.needs.iter().filter(move |(_, found)| *found == how);
            names.map(|(name, _)| name.as_str())
        };
        let strict: Vec<&str> = of(Needs::Success).collect();
        if !strict.is_empty() {
            line("needs", format!("[{}]", strict.join(", ")));
        }
        let mut conditions: Vec<String> = Vec::new();
        conditions.extend(step.condition.map(|condition| condition.to_string()));
        conditions.extend(
            of(Needs::NoFailure).map(|name| format!("(steps.{name} | default(1)) != 'no'")),
        );
        conditions.extend(of(Needs::Nothing).map(|name| format!("status('{name}') != 'no'")));
        if !conditions.is_empty() {
            line("if", format!("\"{}\"", conditions.join(" and ")));
        }
        if let Some(items) = step.items {
            let items = if step.stored {
                "[vars.pad ~ 'a', vars.pad ~ 'b', vars.pad ~ 'c']".to_owned()
            } else {
                format!("range({items}) | list")
            };
            line(
                "for_each",
                format!("{{ in: \"{items}\", as: i_{} }}", step.name),
            );
            line("tolerate", step.tolerate.to_string());
        }
        if step.by_ranges {
            line("max_parallel", "1".to_owned());
        }
        let some_fail = format!("\"{{{{ 1 / (i_{} % {ONE_FAILS}) }}}}\"", step.name);
        if step.by_ranges && matches!(step.does, Does::Ok(_)) {
            line("output", some_fail.clone());
        }
        if let Some(rounds) = step.rounds {
            line("repeat", format!("{{ max: {rounds} }}"));
        }
        match step.on_error {
            1 => line("on_error", "continue".to_owned()),
            2 => line("on_error", "{ value: 0 }".to_owned()),
            _ => {}
        }
        for more in &step.more {
            let (key, value) = more.split_once(": ").unwrap_or((more, ""));
            line(key, value.to_owned());
        }
        if step.undo {
            line("undo", "{ action: svc.put }".to_owned());
        }
        match &step.does {
            Does::Value if step.by_ranges => line("value", some_fail),
            Does::Value => line("value", "1".to_owned()),
            Does::Ok(verb) | Does::Bad(verb) => {
                for part in verb.split(", ").fold(Vec::<String>::new(), joined) {
                    let _ = writeln!(text, "{indent}{part}");
                }
            }
            Does::Group(inner, finally) => {
                let _ = writeln!(text, "{indent}steps:");
                written(inner, depth + 2, text);
                if !finally.is_empty() {
                    let _ = writeln!(text, "{indent}finally:");
                    written(finally, depth + 2, text);
                }
            }
        }
    }
}

/// Puts `{ a, b }` back together.
fn joined(mut parts: Vec<String>, part: &str) -> Vec<String> {
    match parts.last_mut() {
        Some(last) if last.contains('{') && !last.contains('}') => {
            last.push_str(", ");
            last.push_str(part);
        }
        _ => parts.push(part.to_owned()),
    }
    parts
}
