//! Rows of paths (`JsonPath`).

use std::fmt::Write as _;

use crate::expr::JsonPath;
use crate::expr::testing::shown;
use crate::value::json;

/// What a path finds in some JSON, or the code of its error with the place in the path.
fn found(data: &str, path: &str) -> String {
    let data = json::parse(data.as_bytes()).expect(data);
    match JsonPath::parse(path).and_then(|path| path.query(&data, None)) {
        Ok(value) => value.to_json().expect("no secrets"),
        Err(error) => format!("{} at {}", error.code, error.span.start),
    }
}

#[track_caller]
fn check(data: &str, path: &str, expected: &str) {
    assert_eq!(found(data, path), expected, "{path}");
}

/// The code, without the place.
fn code(data: &str, path: &str) -> String {
    let found = found(data, path);
    found.split(" at ").next().unwrap_or_default().to_owned()
}

#[test]
fn j01_a_wrong_path_has_its_place_in_the_path_and_in_the_text() {
    check("{}", "$.a[?@.b = 1]", "jsonpath.syntax at 9");
    check("{}", "$.a.", "jsonpath.syntax at 4");
    let found = shown("item | jsonpath('$.a[?@.b = 1]')");
    assert!(found.starts_with("jsonpath.syntax at `"), "{found}");
}

#[test]
fn j02_no_match_is_an_error_for_one_value_and_an_empty_list_for_many() {
    check(r#"{"a":1}"#, "$.b", "jsonpath.no_match at 0");
    check(r#"{"a":1}"#, "$.b[*]", "[]");
    assert_eq!(
        shown("item | jsonpath('$.zzz') | default('none')"),
        r#""none""#
    );
}

#[test]
fn j03_several_matches_are_never_the_first_alone() {
    check(r#"[{"a":1},{"a":2}]"#, "$[*].a", "[1,2]");
    check(r#"[{"a":1}]"#, "$[*].a", "[1]");
    check(
        r#"[{"a":1},{"a":2}]"#,
        "$[?value(@..a) == 1]",
        r#"[{"a":1}]"#,
    );
}

#[test]
fn j04_long_paths_are_refused() {
    assert_eq!(
        code("{}", &format!("$['{}']", "a".repeat(1_996))),
        "jsonpath.too_long"
    );
    assert_eq!(
        code("{}", &format!("$['{}']", "a".repeat(1 << 20))),
        "jsonpath.too_long"
    );
    assert_eq!(
        code("{}", &format!("$['{}']", "a".repeat(1_995))),
        "jsonpath.no_match"
    );
}

#[test]
fn j05_deep_paths_are_refused() {
    for depth in [500, 2_000, 20_000] {
        for open in ["(", "!("] {
            let path = format!("$[?{}@{}]", open.repeat(depth), ")".repeat(depth));
            let found = code("[]", &path);
            assert!(
                ["jsonpath.depth", "jsonpath.too_long"].contains(&&*found),
                "{depth}: {found}"
            );
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test bounds the time that an attack takes"
)]
fn j06_patterns_take_linear_time() {
    let started = std::time::Instant::now();
    assert_eq!(
        code("[]", "$[?match(@, '(a{1000}){1000}')]"),
        "jsonpath.regex"
    );
    let long = format!("[\"{}\"]", "a".repeat(100_000));
    check(&long, "$[?search(@, '(a*)*b')]", "[]");
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

#[test]
fn j07_wide_searches_run_out_of_budget() {
    let mut data = "[0".to_owned();
    for number in 1..100_000 {
        let _ = write!(data, ",{number}");
    }
    data.push(']');
    let nested = format!("[{data},{data}]");
    assert_eq!(code(&nested, "$..*..*..*"), "jsonpath.budget");
}

#[test]
fn j08_slices_and_indexes_follow_the_standard() {
    check("[0,1,2,3]", "$[0:4:0]", "[]");
    check("[0,1,2,3]", "$[-1]", "3");
    check(
        "[0,1,2,3]",
        "$[-9007199254740991]",
        "jsonpath.no_match at 0",
    );
    check("[0,1,2,3]", "$[9007199254740991:]", "[]");
    check("[0,1,2,3]", "$[::-9007199254740991]", "[3]");
    assert_eq!(code("[0]", "$[9007199254740992]"), "jsonpath.syntax");
    assert_eq!(code("[0]", "$[-0]"), "jsonpath.syntax");
    assert_eq!(code("[0]", "$[01]"), "jsonpath.syntax");
}

#[test]
fn j09_names_may_hold_anything() {
    let data = r#"{"a.b":1,"it's":2,"\"":3,"":4,"\ud83d\ude00":5,"\u0000":6}"#;
    check(data, "$['a.b']", "1");
    check(data, r"$['it\'s']", "2");
    check(data, r#"$['"']"#, "3");
    check(data, "$['']", "4");
    check(data, r"$['\uD83D\uDE00']", "5");
    check(data, r"$['\u0000']", "6");
    assert_eq!(code(data, r"$['\uD83D']"), "jsonpath.syntax");
}

#[test]
fn j10_what_has_no_members_is_searched_in_vain() {
    for data in ["1", "null", "\"text\"", "true"] {
        check(data, "$[*]", "[]");
        check(data, "$.a", "jsonpath.no_match at 0");
        check(data, "$", data);
    }
}
