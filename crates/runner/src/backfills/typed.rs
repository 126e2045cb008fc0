//! What to type so that a backfill goes on.

use flow_engine::time::Timestamp;
use flow_local::store::Backfill;

use super::TIMES;

/// What asks for the same backfill again, in words that a shell takes.
pub(super) fn command(backfill: &Backfill, times: usize) -> String {
    let mut words = vec![
        "flow backfill".to_owned(),
        quoted(&backfill.file),
        format!("--trigger {}", quoted(&backfill.trigger)),
        format!(
            "--from {} --to {}",
            short(backfill.from),
            short(backfill.to)
        ),
    ];
    if times > TIMES as usize {
        words.push(format!("--max {times}"));
    }
    if backfill.parallel > 1 {
        words.push(format!("--at-most-parallel {}", backfill.parallel));
    }
    for (name, text) in &backfill.inputs {
        words.push(format!("--input {}", quoted(&format!("{name}={text}"))));
    }
    if backfill.sandbox {
        words.push("--sandbox".to_owned());
    }
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A day alone, where nothing is left out by that.
pub(super) fn short(at: Timestamp) -> String {
    let text = at.to_string();
    match text.strip_suffix("T00:00:00.000Z") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backfill() -> Backfill {
        let at = |text| Timestamp::parse(text).expect("a time");
        Backfill {
            backfill: "8a0f".to_owned(),
            workflow: "nightly".to_owned(),
            trigger: "due".to_owned(),
            from: at("2026-03-01T00:00:00Z"),
            to: at("2026-03-04T02:00:00Z"),
            made_at: Timestamp(0),
            parallel: 1,
            file: "nightly.yml".to_owned(),
            inputs: Vec::new(),
            sandbox: false,
            cancelled_at: None,
        }
    }

    #[test]
    fn what_is_typed_asks_for_the_same() {
        let range = "--trigger due --from 2026-03-01 --to 2026-03-04T02:00:00.000Z";
        let input = |text: &str| vec![("who".to_owned(), text.to_owned())];
        let cases = [
            (backfill(), 100, format!("nightly.yml {range}")),
            (backfill(), 101, format!("nightly.yml {range} --max 101")),
            (
                Backfill {
                    file: "my jobs/nightly.yml".to_owned(),
                    parallel: 4,
                    sandbox: true,
                    ..backfill()
                },
                3,
                format!("'my jobs/nightly.yml' {range} --at-most-parallel 4 --sandbox"),
            ),
            (
                Backfill {
                    inputs: input("me"),
                    ..backfill()
                },
                3,
                format!("nightly.yml {range} --input who=me"),
            ),
            (
                Backfill {
                    inputs: input("it's $HOME"),
                    ..backfill()
                },
                3,
                format!(r"nightly.yml {range} --input 'who=it'\''s $HOME'"),
            ),
        ];
        for (asked, times, expected) in cases {
            assert_eq!(command(&asked, times), format!("flow backfill {expected}"));
        }
    }
}
