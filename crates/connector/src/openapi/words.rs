//! Words of names: taken apart, put together, made singular.

/// The words of a name in any usual spelling, in small letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let rises = letter.is_ascii_uppercase()
            && before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
        let ends = letter.is_ascii_uppercase()
            && before.is_some_and(char::is_ascii_uppercase)
            && after.is_some_and(char::is_ascii_lowercase);
        if (rises || ends) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter.to_ascii_lowercase());
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// How long a name may be.
const NAME_CHARS_MAX: usize = 64;

/// A name of small letters, digits and `_`, that begins with a letter; empty if there is none in it.
pub(super) fn snake(name: &str) -> String {
    let mut snake = words(name).join("_");
    snake.truncate(NAME_CHARS_MAX);
    if snake.starts_with(|letter: char| letter.is_ascii_digit()) {
        snake.insert(0, 'n');
    }
    snake
}

/// Whether a name can stand in a template as it is.
pub(super) fn is_identifier(name: &str) -> bool {
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// One of what a word says there are many of.
pub(super) fn singular(word: &str) -> String {
    const ES: [&str; 5] = ["sses", "shes", "ches", "xes", "zes"];
    const ALWAYS: [&str; 7] = ["ss", "us", "is", "news", "series", "status", "settings"];
    if ALWAYS.iter().any(|end| word.ends_with(end)) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    if ES.iter().any(|end| word.ends_with(end)) {
        return word[..word.len() - 2].to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

/// What all paths begin with, whole parts only: the shortest of them, or less.
pub(super) fn common(paths: &[String]) -> String {
    let Some(first) = paths.first() else {
        return String::new();
    };
    let mut parts: Vec<&str> = first.split('/').collect();
    for path in paths {
        let same = parts
            .iter()
            .zip(path.split('/'))
            .take_while(|(a, b)| *a == b)
            .count();
        parts.truncate(same);
    }
    parts.join("/")
}

/// A text for people in one line: its first sentence, cut.
pub(super) fn sentence(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let clean: String = paragraph
        .chars()
        .map(|letter| if letter.is_whitespace() || letter.is_control() { ' ' } else { letter })
        .filter(|letter| !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
        .collect();
    let line = clean
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    let first = &line[..end];
    if first.chars().count() <= CHARS_MAX {
        return first.to_owned();
    }
    let cut: String = first.chars().take(CHARS_MAX).collect();
    let cut = cut
        .rsplit_once(' ')
        .map_or(cut.as_str(), |(words, _)| words);
    format!("{cut} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, expected) in [
            ("getUserByName", "get_user_by_name"),
            ("HTTPServer2Go", "http_server2_go"),
            ("X-Request-Id", "x_request_id"),
            ("page[size]", "page_size"),
            ("2fa", "n2fa"),
            ("issues/list-for-repo", "issues_list_for_repo"),
            ("日本", ""),
        ] {
            assert_eq!(snake(name), expected, "{name}");
        }
    }

    #[test]
    fn many_become_one() {
        for (many, one) in [
            ("orders", "order"),
            ("categories", "category"),
            ("boxes", "box"),
            ("addresses", "address"),
            ("status", "status"),
            ("news", "news"),
            ("pet", "pet"),
        ] {
            assert_eq!(singular(many), one);
        }
    }

    #[test]
    fn paths_have_a_beginning_in_common() {
        let common = |paths: &[&str]| {
            common(
                &paths
                    .iter()
                    .map(|path| (*path).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(common(&["/v1/orders", "/v1/orders/{{id}}"]), "/v1/orders");
        assert_eq!(common(&["/a/{{id}}", "/b"]), "");
        assert_eq!(common(&["/a/{{id}}"]), "/a/{{id}}");
    }

    #[test]
    fn a_text_becomes_one_sentence() {
        assert_eq!(sentence(" One\n line. And more.\n\nElse"), "One line.");
        assert_eq!(sentence("a\u{202e}b\u{7}c"), "ab c");
        assert!(sentence(&"word ".repeat(100)).chars().count() <= 202);
    }
}
