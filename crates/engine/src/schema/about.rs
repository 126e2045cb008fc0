//! A sentence for each key: what editors show beside it. A line is `key: sentence`, with examples after `||`.

use super::place::Place;

/// What is said of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) key: &'static str,
    pub(super) text: &'static str,
    pub(super) examples: Vec<&'static str>,
}

impl Place {
    /// What is said of a key of this place.
    pub(super) fn about(self, key: &str) -> Option<About> {
        self.table().find(|about| about.key == key)
    }

    fn table(self) -> impl Iterator<Item = About> {
        let table = match self {
            Place::Workflow => WORKFLOW,
            Place::Step => STEP,
            Place::ForEach => FOR_EACH,
            Place::Repeat => REPEAT,
            Place::Retry => RETRY,
            Place::OnError => ON_ERROR,
            Place::Concurrency => CONCURRENCY,
            Place::Budget => BUDGET,
            Place::Cache => CACHE,
            Place::Defaults => DEFAULTS,
            Place::DefaultsRun => DEFAULTS_RUN,
            Place::Connection => CONNECTION,
            Place::Limits => LIMITS,
            Place::Input => INPUT,
            Place::Trigger => TRIGGER,
            Place::Cursor => CURSOR,
            Place::Misfire => MISFIRE,
            Place::Verify => VERIFY,
            Place::Respond => RESPOND,
            Place::Hmac => HMAC,
            Place::Token => TOKEN,
        };
        table.lines().filter_map(|line| {
            let (key, rest) = line.split_once(": ")?;
            let mut parts = rest.split(" || ");
            let text = parts.next()?;
            let examples = parts.collect();
            Some(About {
                key,
                text,
                examples,
            })
        })
    }
}

const WORKFLOW: &str = "
flow: Version of the language; may be left out.
name: What the workflow is called; else its path without extension. || nightly-report
description: What it is for, in a sentence.
inputs: What a run must be given, by name.
vars: Values that are rendered once, when a run starts.
connections: Services with credentials and settings, by name.
defaults: What steps have where they say nothing themselves.
on: What starts runs: one trigger, or several by name.
concurrency: How many runs of a group may go at the same time.
priority: Which of several waiting runs starts first: the one with the higher number.
budget: The most that a run may spend.
risk: Says that the warnings about untrusted data were read and are accepted.
sequential: Makes each step wait for the one above it.
steps: The work: steps by id.
finally: Steps that run at the end, whatever happened before.
finally_timeout: How long `finally` may take in all; ten minutes if nothing is said. || 10m
outputs: What a successful run gives, by name.
";

const STEP: &str = "
action: Calls an operation that changes something. || claude.messages.create
query: Calls an operation that only reads. || claude.models.list
trigger: Holds the run until something has happened. || claude.message_batches.ended
run: Starts a command: text for the shell, or a list of program and arguments.
value: Computes a tree of templates.
workflow: Runs another workflow file with the inputs given by `with`. || ./other.yml
steps: Makes a group: steps inside this step.
needs: Ids of steps that must have ended before.
if: A condition; where it does not hold the step is skipped. || steps.count > 0
for_each: Does the step once for every item of a list or map. || inputs.tickets
where: Picks items of the loop, or events of the trigger. || item.total > 50
key: Names the items of the loop; every key occurs once. || item.id
chunk: Hands over lists of up to this many items instead of single ones.
max_parallel: How many items are worked on at the same time.
tolerate: How many items may fail before the step does: a number or a share. || 2%
item_timeout: Bounds the time of one item. || 5m
repeat: Does the step in rounds until a condition holds.
with: Parameters of the operation, or inputs of the other workflow.
output: What becomes the value of the step: a JSONPath, a template over `result`, or a map of them. || $.data[*].id
timeout: Bounds the whole step with all attempts, items and waits. || 30s || 25h
retry: How often the step is tried, and after which failures.
on_error: What its failure means for the run.
effect: How far the operation may be repeated, where the author knows it better.
on_interrupt: What is done where nobody knows how an attempt ended.
undo: What takes the step back if the run fails later.
pages: Reads at most this many pages of a list.
with_response: Adds status, headers and request id under `response`.
cache: Takes an earlier answer as long as it is fresh.
every: The longest time between two looks. || 1m
after: From when on events of a log count.
args: Arguments of the command: `$1` and so on.
env: Environment variables of the command; secrets may stand here.
stdin: What the command reads: text as it is, a list as JSON Lines, the rest as JSON.
cwd: The folder of the project in which the command runs.
parse: How its standard output is read.
ok_codes: Exit codes that count as success.
files: Files that are kept when the command has ended: names and paths.
place: Files that are written before the command starts: paths and values.
detach: Starts the other workflow and does not wait for it.
outputs: The value of the group, by name.
sequential: Makes each step of the group wait for the one above it.
finally: Steps that run at the end of the group, whatever happened in it.
finally_timeout: How long `finally` of the group may take in all. || 10m
concurrency: How many steps of a group may run at the same time, over all runs.
budget: The most that the step may spend.
queue: The queue whose workers do the step. || gpu
";

const FOR_EACH: &str = "
in: The list or map with the items. || steps.tickets
as: What an item is called instead of `item`. || ticket
";

const REPEAT: &str = "
start: What `previous` is in the first round.
until: Ends the rounds when it holds; sees `result`. || result.done
every: The time between the beginnings of two rounds. || 10s
max: The most rounds.
on_max: What it means that the rounds are used up.
";

const RETRY: &str = "
attempts: How often it is tried, the first attempt included.
initial: The wait before the second attempt. || 1s
factor: By how much each wait is longer than the one before.
max: The longest wait. || 60s
jitter: Whether waits are shortened at random, so that not all come back at once.
on: The failures that are tried again: statuses and classes.
attempt_timeout: Bounds one attempt. || 20s
";

const ON_ERROR: &str = "
value: The value of the step if it fails.
";

const CONCURRENCY: &str = "
group: Those with the same text share the places. || per-customer-{{ inputs.customer }}
max: How many go at the same time.
when_full: What becomes of one that finds no place.
";

const BUDGET: &str = "
usd: The most money, in US dollars.
tokens: The most tokens, read and written.
when_spent: Whether it then waits for a decision or fails.
";

const CACHE: &str = "
for: How long an answer stays fresh. || 1h
key: What tells answers apart; else all parameters do. || inputs.city
";

const DEFAULTS: &str = "
retry: `retry` of every step that has none.
timeout: `timeout` of every step that has none. || 10m
run: What all commands share.
connection: The connection that operations use if they name none. || team
";

const DEFAULTS_RUN: &str = "
env: Environment variables of all commands.
cwd: The folder of the project in which commands run.
";

const CONNECTION: &str = "
connector: The connector; else the one with the name of the connection. || claude-api
limits: How fast and how often the service is called.
queue: The queue whose workers make the calls. || gpu
";

const LIMITS: &str = "
parallel: How many calls go at the same time.
per_second: How many calls start in a second.
per_minute: How many calls start in a minute.
";

const INPUT: &str = "
type: Its type; text if nothing is said.
description: What it is, for whoever starts a run.
default: Its value where none is given.
required: Whether a run without it is refused.
enum: The only values it may have.
pattern: A regular expression for the whole text. || [A-Z]{3}-[0-9]+
min: The least number, or the least length of a text or list.
max: The greatest number, or the greatest length of a text or list.
items: The type of the items of a list.
fields: The fields of an object with their types.
";

const TRIGGER: &str = "
schedule: Starts runs at calendar times: minute, hour, day, month, day of week. || 0 2 * * *
every: Starts runs at an interval; beside `trigger` or `poll`, how often it looks. || 1h
webhook: Starts a run for each delivery to this path below `/webhooks/`. || shop/orders
trigger: Starts a run for each event of an operation. || claude.message_batches.ended
poll: Starts a run for each new item that a query gives. || shop.orders.list
event: Starts a run for each event of this name that another run emits. || order-paid
file: Starts a run for each new file that matches the pattern. || in/*.csv
inputs: Inputs of the runs: templates over `trigger` and `run`.
where: Picks the events that start a run.
enabled: Whether it starts runs at all.
jitter: Delays each start by a random time of at most this. || 30s
with: Parameters of the operation.
timezone: The time zone of the schedule; UTC if nothing is said. || Europe/Oslo
misfire: What becomes of times that passed while nothing ran.
dst_gap: What becomes of a time that the change to summer time leaves out.
dst_overlap: What becomes of a time that the change to winter time repeats.
items: Where the answer has its items, as a JSONPath. || $.orders[*]
key: What tells items apart. || item.id
cursor: Asks only for what is newer than the last look.
changed: Whether an item that has changed counts as new.
batch: Gives one run up to this many items.
backfill: Whether what is there at the first look starts runs too.
verify: How it is made sure that a delivery is from its sender.
dedupe: What is equal in repeated deliveries of one event. || trigger.body.id
respond: Answers a delivery with the outputs of its run.
";

const CURSOR: &str = "
param: The parameter that takes the position. || since
from: The position, taken from the last item. || item.updated_at
";

const MISFIRE: &str = "
all: Makes up for all of them, at most this many.
";

const VERIFY: &str = "
standard-webhooks: Signed as Standard Webhooks say; its secret. || {{ secrets.WEBHOOK_SECRET }}
github: Signed by GitHub; its secret. || {{ secrets.GITHUB_WEBHOOK_SECRET }}
stripe: Signed by Stripe; its secret. || {{ secrets.STRIPE_WEBHOOK_SECRET }}
slack: Signed by Slack; its secret. || {{ secrets.SLACK_SIGNING_SECRET }}
hmac: A signature over the body, made with a shared secret.
token: A secret that the sender sends along.
";

const HMAC: &str = "
secret: What both sides share. || {{ secrets.WEBHOOK_SECRET }}
header: The header with the signature; else `x-signature`. || x-signature
algorithm: The hash; else `sha256`. || sha256
encoding: How the signature is written; else `hex`. || hex
prefix: What stands before the signature; else nothing. || sha256=
";

const TOKEN: &str = "
secret: The token. || {{ secrets.WEBHOOK_SECRET }}
header: The header with the token; else `authorization`, after `Bearer`. || x-token
";

const RESPOND: &str = "
wait: How long the answer waits for the run. || 10s
";

#[cfg(test)]
mod tests {
    use super::Place;
    use crate::document::keys;

    #[test]
    fn every_key_has_a_sentence_and_nothing_else_has_one() {
        for place in Place::ALL {
            let keys = place.keys();
            for key in &keys {
                assert!(
                    place.about(key).is_some(),
                    "{place:?}: nothing is said of `{key}`"
                );
            }
            for about in place.table() {
                let known = keys.contains(&about.key);
                assert!(known, "{place:?} has no key `{}`", about.key);
                assert!(about.text.ends_with('.'), "{}", about.text);
            }
        }
        let of_steps = Place::Step.keys();
        assert!(keys::UNDO.iter().all(|key| of_steps.contains(key)));
    }
}
