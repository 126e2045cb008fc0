//! Decisions over the API: what waits, who may decide, and that the first answer counts.

use serde_json::{Value, json};

use super::Api;
use crate::support::{run, until};

const ASK: &str = "name: ask\nsteps:\n  ask:\n    trigger: flow.approval\n    with:\n      message: Send this?\n      choices: [send, wait]\n      to: [ada, bo]\n      fields: { amount: { type: integer, max: 10 }, why: { required: false } }\n    timeout: 1h\noutputs: { choice: '{{ steps.ask.choice }}', by: '{{ steps.ask.by }}', amount: '{{ steps.ask.fields.amount }}', comment: '{{ steps.ask.comment }}' }\n";

/// Two steps wait at the same time.
pub(super) const TWO: &str = "name: two\nsteps:\n  first: { trigger: flow.approval, with: { message: Go? }, timeout: 1h }\n  second: { trigger: flow.approval, with: { message: Go on? }, timeout: 1h }\noutputs: { first: '{{ steps.first.choice }}', second: '{{ steps.second.by }}' }\n";

impl Api {
    /// What waits, once it is so much.
    #[track_caller]
    pub(super) fn waiting(&self, count: usize) -> Value {
        let mut found = Value::Null;
        until("it waits for a person", || {
            found = self.get("/approvals").json()["approvals"].clone();
            found.as_array().is_some_and(|all| all.len() == count)
        });
        found
    }
}

#[track_caller]
fn refused(api: &Api, token: &str, run: &str, body: &Value, expected: (u16, &str), words: &str) {
    let answer = api.post_as(token, &format!("/runs/{run}/approve"), body);
    assert_eq!(
        (answer.status, &*answer.code()),
        expected,
        "{}",
        answer.body
    );
    assert!(answer.body.contains(words), "{words}: {}", answer.body);
}

#[test]
fn a_person_decides_once_by_the_name_of_the_token() {
    let api = Api::start(&[("ask.yml", ASK)], &[]);
    let [ada, bo, cy] = ["ada", "bo", "cy"].map(|name| api.token(name, "run"));
    let id = api.run("ask", &json!({}));
    let waiting = api.waiting(1);
    let (_, listed, _) = run(api.path(), &["approvals", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(waiting, listed, "the same as the command shows");
    let first = &waiting[0];
    assert_eq!((&first["run"], &first["step"]), (&json!(id), &json!("ask")));
    assert_eq!(first["choices"], json!(["send", "wait"]));
    let wrong = (422, "run.answer");
    let send = json!({ "choice": "send", "fields": { "amount": 7 }, "comment": "go" });
    refused(
        &api,
        &cy,
        &id,
        &send,
        wrong,
        "cy may not decide it: ada, bo may",
    );
    refused(
        &api,
        &ada,
        &id,
        &json!({}),
        wrong,
        "the choices are send, wait",
    );
    let body = json!({ "choice": "burn" });
    refused(&api, &ada, &id, &body, wrong, "none of the choices");
    let body = json!({ "choice": "send" });
    refused(
        &api,
        &ada,
        &id,
        &body,
        wrong,
        "the field `amount` is missing",
    );
    for (fields, words) in [
        (json!({ "amount": 11 }), "at most 10"),
        (json!({ "amount": [] }), "the field `amount`"),
        (json!({ "amount": 1, "size": 2 }), "`size` is not asked for"),
    ] {
        let body = json!({ "choice": "send", "fields": fields });
        refused(&api, &ada, &id, &body, wrong, words);
    }
    let body = json!({ "step": "nothing", "choice": "send" });
    refused(
        &api,
        &ada,
        &id,
        &body,
        (404, "run.not_awaited"),
        "no step `nothing`",
    );
    let other = "0".repeat(26);
    refused(
        &api,
        &ada,
        &other,
        &send,
        (404, "run.unknown"),
        "there is no run",
    );
    let body = json!({ "choice": "send", "by": "bo" });
    refused(
        &api,
        &ada,
        &id,
        &body,
        (400, "api.body"),
        "expected a map of",
    );
    assert_eq!(api.waiting(1), waiting, "nothing was decided");
    let answer = api.post_as(&ada, &format!("/runs/{id}/approve"), &send);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let told = json!({ "run": id, "step": "ask", "choice": "send" });
    assert_eq!(answer.json(), told);
    let shown = api.is(&id, "succeeded");
    let outputs = json!({ "choice": "send", "by": "ada", "amount": 7, "comment": "go" });
    assert_eq!(shown["outputs"], outputs);
    let again = json!({ "step": "ask", "choice": "wait", "fields": { "amount": 1 } });
    refused(
        &api,
        &bo,
        &id,
        &again,
        (409, "run.answered"),
        "`send` by ada at 20",
    );
    let over = (409, "run.answered");
    let words = "`send` by ada at 20";
    refused(&api, &bo, &id, &json!({}), over, words);
    api.waiting(0);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn what_waits_has_pages_and_of_several_steps_one_is_named() {
    let api = Api::start(&[("two.yml", TWO)], &[]);
    let id = api.run("two", &json!({}));
    api.waiting(2);
    let approve = format!("/runs/{id}/approve");
    let words = "first, second";
    refused(
        &api,
        &api.admin,
        &id,
        &json!({}),
        (422, "run.answer"),
        words,
    );
    let (code, _, said) = run(api.path(), &["approve", &id]);
    assert!(
        code == 2 && said.contains("error[run.answer]") && said.contains(words),
        "{said}"
    );
    let page = api.get("/approvals?limit=1").json();
    assert_eq!(page["approvals"][0]["step"], "first");
    let next = page["next"].as_str().expect("a second page");
    let page = api.get(&format!("/approvals?limit=1&cursor={next}")).json();
    assert_eq!(
        (&page["approvals"][0]["step"], &page["next"]),
        (&json!("second"), &Value::Null)
    );
    let answer = api.post(&approve, &json!({ "step": "first", "choice": "reject" }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    // The only one that is left, with the only choice that is usual.
    api.waiting(1);
    let answer = api.post(&approve, &json!({}));
    let told = json!({ "run": id, "step": "second", "choice": "approve" });
    assert_eq!((answer.status, answer.json()), (202, told));
    let shown = api.is(&id, "succeeded");
    let outputs = json!({ "first": "reject", "second": "admin" });
    assert_eq!(shown["outputs"], outputs);
    assert_eq!(api.daemon.stop(), 0);
}
