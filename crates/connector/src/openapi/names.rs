//! What resources and operations are called: by their paths and methods, as people would.

use super::words::{singular, snake, words};

/// Words with which the name of something that is done begins.
const VERBS: [&str; 44] = [
    "accept", "activate", "add", "approve", "archive", "bulk", "cancel", "check", "close",
    "complete", "confirm", "copy", "count", "disable", "download", "enable", "execute", "export",
    "fetch", "find", "get", "import", "invite", "login", "logout", "lookup", "merge", "ping",
    "preview", "publish", "query", "refresh", "reject", "render", "reset", "resolve", "restore",
    "search", "send", "start", "stop", "upload", "validate", "verify",
];

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Name of the resource; empty if the path has none.
    pub(super) resource: String,
    /// Whether the path ends with a parameter.
    pub(super) item: bool,
    /// What is done there, if its last part says so.
    pub(super) verb: Option<String>,
}

/// What is known of a path besides itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Whether another path goes on from here with a parameter.
    pub(super) has_items: bool,
    /// Whether it can be read.
    pub(super) is_read: bool,
    /// Whether it can be changed otherwise than by POST and PUT.
    pub(super) is_changed: bool,
}

/// Takes a path apart. `/v1/orders/{id}/items` leads to `order_items`, `/orders/{id}/cancel` to `orders`, to cancel.
pub(super) fn place(path: &str, about: About) -> Place {
    let mut parts: Vec<(&str, bool)> = Vec::new();
    let mut verb = None;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let (part, colon) = match part.rsplit_once(':') {
            Some((part, verb)) if !verb.contains('}') => (part, Some(verb)),
            _ => (part, None),
        };
        verb = colon.map(snake).filter(|verb| !verb.is_empty());
        if !part.is_empty()
            && !is_version(part)
            && (!parts.is_empty() || !matches!(part, "api" | "rest"))
        {
            parts.push((part, part.contains('{')));
        }
    }
    let item = parts.last().is_some_and(|(_, is_parameter)| *is_parameter);
    let statics = parts
        .iter()
        .filter(|(_, is_parameter)| !is_parameter)
        .count();
    if verb.is_none()
        && !item
        && statics > 1
        && let Some((last, _)) = parts.last()
        && is_verb(last, about)
    {
        verb = Some(snake(last));
        parts.pop();
    }
    let mut names: Vec<String> = Vec::new();
    for (at, (part, is_parameter)) in parts.iter().enumerate() {
        let name = snake(part);
        if *is_parameter || name.is_empty() {
            continue;
        }
        let is_last = !parts[at + 1..]
            .iter()
            .any(|(_, is_parameter)| !is_parameter);
        let of_one = parts
            .get(at + 1)
            .is_some_and(|(_, is_parameter)| *is_parameter);
        names.push(if of_one && !is_last {
            singular(&name)
        } else {
            name
        });
    }
    let item =
        item || (verb.is_some() && parts.last().is_some_and(|(_, is_parameter)| *is_parameter));
    Place {
        resource: snake(&names.join("_")),
        item,
        verb,
    }
}

/// `v1`, `v2.1`, `v1beta1`.
fn is_version(part: &str) -> bool {
    part.strip_prefix(['v', 'V']).is_some_and(|rest| {
        rest.starts_with(|letter: char| letter.is_ascii_digit())
            && rest
                .split(|letter: char| letter.is_ascii_digit() || letter == '.')
                .all(|word| matches!(word, "" | "alpha" | "beta"))
    })
}

fn is_verb(part: &str, about: About) -> bool {
    if about.has_items || about.is_changed {
        return false;
    }
    let words = words(part);
    let begins = words
        .first()
        .is_some_and(|word| VERBS.contains(&word.as_str()));
    let plural = part.ends_with('s') && !part.ends_with("ss");
    begins || (!about.is_read && !plural)
}

/// The usual name of a call.
pub(super) fn usual(method: &str, place: &Place, is_list: bool) -> &'static str {
    match (method, place.item) {
        ("get", false) if is_list => "list",
        ("get", _) => "read",
        ("post", false) => "create",
        ("post", true) | ("patch", _) => "update",
        ("put", _) => "replace",
        ("delete", true) => "delete",
        ("delete", false) => "delete_all",
        ("head", _) => "head",
        _ => "options",
    }
}

/// An operation's id in our spelling, without the words of its resource.
pub(super) fn from_id(id: &str, resource: &str) -> String {
    let known = words(resource);
    let is_known = |word: &String| {
        known
            .iter()
            .any(|known| known == word || singular(known) == singular(word))
    };
    let kept: Vec<String> = words(id)
        .into_iter()
        .filter(|word| !is_known(word))
        .collect();
    snake(&kept.join("_"))
}

/// A handle of a title: `Swagger Petstore - OpenAPI 3.0` is `swagger-petstore`.
pub(super) fn handle(title: &str) -> String {
    let title = title.split(" - ").next().unwrap_or_default();
    let title = title.replace(['\'', '’'], "").to_ascii_lowercase();
    let kept = words(&title).into_iter().filter(|word| {
        !matches!(
            word.as_str(),
            "api" | "openapi" | "rest" | "the" | "specification" | "v"
        ) && !is_version(word)
            && !word.bytes().all(|byte| byte.is_ascii_digit())
    });
    let mut handle = kept.collect::<Vec<_>>().join("-");
    handle.truncate(48);
    let handle = handle.trim_matches('-');
    if handle.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        handle.to_owned()
    } else {
        "service".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, about: (bool, bool, bool), expected: (&str, bool, Option<&str>)) {
        let about = About {
            has_items: about.0,
            is_read: about.1,
            is_changed: about.2,
        };
        let found = place(path, about);
        assert_eq!(
            (found.resource.as_str(), found.item, found.verb.as_deref()),
            expected,
            "{path}"
        );
    }

    #[test]
    fn paths_lead_to_resources() {
        check("/v1/orders", (true, true, false), ("orders", false, None));
        check(
            "/v1/orders/{id}",
            (false, true, false),
            ("orders", true, None),
        );
        check(
            "/v1/orders/{id}/items",
            (false, true, false),
            ("order_items", false, None),
        );
        check(
            "/api/v3/pet/findByStatus",
            (false, true, false),
            ("pet", false, Some("find_by_status")),
        );
        check(
            "/orders/{id}/cancel",
            (false, false, false),
            ("orders", true, Some("cancel")),
        );
        check(
            "/v1/{name}:cancel",
            (false, false, false),
            ("", true, Some("cancel")),
        );
        check(
            "/repos/{owner}/{repo}/issues",
            (true, true, false),
            ("repo_issues", false, None),
        );
        check(
            "/store/inventory",
            (false, true, false),
            ("store_inventory", false, None),
        );
        check(
            "/store/order",
            (true, false, false),
            ("store_order", false, None),
        );
        check("/", (false, true, false), ("", false, None));
    }

    #[test]
    fn ids_lose_the_words_of_their_resource() {
        assert_eq!(from_id("getUserByName", "user"), "get_by_name");
        assert_eq!(from_id("issues/list-for-repo", "repo_issues"), "list_for");
        assert_eq!(handle("Swagger Petstore - OpenAPI 3.0"), "swagger-petstore");
        assert_eq!(handle("GitHub v3 REST API"), "github");
        assert_eq!(handle("日本"), "service");
    }
}
