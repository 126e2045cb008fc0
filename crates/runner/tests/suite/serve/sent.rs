//! Deliveries made by hand: for each way of verifying, the daemon takes what `flow webhook send` signs, once under an id.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::support::{Daemon, noticed};
use crate::support::{flow, run, texts};

const HOOKS: &str = r#"
name: hooks
on:
  standard: { webhook: h/standard, verify: standard-webhooks }
  github: { webhook: h/github, verify: github }
  stripe: { webhook: h/stripe, verify: stripe }
  slack: { webhook: h/slack, verify: slack }
  hmac: { webhook: h/hmac, verify: { hmac: "{{ secrets.KEY }}" } }
  long: { webhook: h/long, verify: { hmac: { secret: "{{ secrets.KEY }}", header: X-Mine, algorithm: sha512, encoding: base64, prefix: "v=" } } }
  token: { webhook: h/token, verify: { token: "{{ secrets.KEY }}" } }
  named: { webhook: h/named, verify: { token: { secret: "{{ secrets.KEY }}", header: X-Token } } }
  open: { webhook: h/open, verify: none }
  batch: { trigger: claude.message_batches.ended, verify: standard-webhooks }
steps:
  a: { value: 1 }
"#;

const SECRETS: [(&str, &str); 5] = [
    ("KEY", "a key of thirty-two bytes, just!"),
    ("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("GITHUB_WEBHOOK_SECRET", "it is github"),
    ("STRIPE_WEBHOOK_SECRET", "it is stripe"),
    ("SLACK_SIGNING_SECRET", "it is slack"),
];

fn send(folder: &Path, arguments: &[&str]) -> (i32, Json, String) {
    let mut command = flow(folder);
    command
        .args(["webhook", "send"])
        .args(arguments)
        .envs(SECRETS);
    let (code, out, err) = texts(&command.output().expect("it runs"));
    (code, serde_json::from_str(&out).unwrap_or_default(), err)
}

#[test]
fn each_way_of_signing_is_taken_once_under_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("hooks.yml"), HOOKS).expect("a workflow");
    let daemon = Daemon::start(folder, &[], &SECRETS);
    std::fs::write(folder.join("body.json"), r#"{"n": 2}"#).expect("a body");
    for trigger in [
        "standard", "github", "stripe", "slack", "hmac", "long", "token", "named", "open", "batch",
    ] {
        let target = format!("hooks/{trigger}");
        let one = [&*target, "--body", r#"{"n": 1}"#, "--id", "one"];
        let (code, first, err) = send(folder, &one);
        assert_eq!(code, 0, "{trigger}: {err}");
        let (_, again, _) = send(folder, &one);
        assert!(
            first["run"].is_string() && first == again,
            "{trigger}: {first} {again}"
        );
        let (code, other, err) = send(
            folder,
            &["hooks.yml", "--trigger", trigger, "--body", "@body.json"],
        );
        assert_eq!(code, 0, "{trigger}: {err}");
        assert_ne!(first["run"], other["run"], "{trigger}");
        assert_eq!(noticed(folder, "hooks", trigger).len(), 2, "{trigger}");
        // The same id with another body, where the id is not in the body.
        let (code, problem, err) = send(folder, &[&target, "--body", r#"{"n": 3}"#, "--id", "one"]);
        assert_eq!(
            (code, &problem["code"]),
            (4, &json!("webhook.id_conflict")),
            "{trigger}"
        );
        assert!(err.contains("error[webhook.id_conflict]"), "{err}");
    }
    assert_eq!(daemon.stop(), 0);
    let (code, _, err) = send(folder, &["hooks/open", "--to", "http://127.0.0.1:9"]);
    assert!(code == 4 && err.contains("`flow serve`"), "{code} {err}");
}

#[test]
fn what_cannot_be_sent_is_told_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("flow.toml"), "").expect("a project");
    std::fs::write(folder.join("hooks.yml"), HOOKS).expect("a workflow");
    std::fs::write(
        folder.join("none.yml"),
        "name: none\nsteps: { a: { value: 1 } }\n",
    )
    .expect("a workflow");
    for (arguments, code, said) in [
        (
            &["none.yml"][..],
            2,
            "error[webhook.trigger]: nothing is delivered to `none`",
        ),
        (&["hooks"], 2, "several triggers that are delivered"),
        (&["hook/open"], 2, "did you mean `hooks`?"),
        (&["hooks/opne"], 2, "nothing is delivered to `opne`"),
        (&["hooks/open", "--body", "{n"], 2, "error[webhook.body]"),
        (
            &["hooks/open", "--body", "@nowhere.json"],
            2,
            "error[file.unreadable]",
        ),
        (&["hooks/stripe", "--body", "[1]"], 3, "error[webhook.body]"),
    ] {
        let (found, _, err) = send(folder, arguments);
        assert!(
            found == code && err.contains(said),
            "{arguments:?}: {found} {err}"
        );
    }
    let (code, _, err) = run(folder, &["webhook", "send", "hooks/token"]);
    assert!(
        code == 3 && err.contains("error[secret.missing]") && err.contains("KEY"),
        "{code} {err}"
    );
}
