use super::JsonPath;
use crate::value::json;

#[track_caller]
fn check(data: &str, path: &str, expected: &str) {
    let data = json::parse(data.as_bytes()).expect(data);
    let shown = match JsonPath::parse(path).and_then(|path| path.query(&data, None)) {
        Ok(value) => value.to_json().expect("no secrets"),
        Err(error) => {
            let range = error.span.start as usize..error.span.end as usize;
            format!(
                "{} at `{}`: {}",
                error.code,
                path.get(range).unwrap_or("(outside)"),
                error.message
            )
        }
    };
    assert_eq!(shown, expected, "{path}");
}

const STORE: &str = r#"{"book":[{"t":"A","p":8,"big":9007199254740993},{"t":"B","p":12},{"t":"C"}],"bike":{"p":20}}"#;

#[test]
fn singular_paths_give_the_value() {
    check(STORE, "$.book[0].t", r#""A""#);
    check(STORE, "$['book'][-1]['t']", r#""C""#);
    check(STORE, "$.book[0].big", "9007199254740993");
    check(STORE, "$", &STORE.replace(' ', ""));
    check(
        STORE,
        "$.book[9].t",
        "jsonpath.no_match at `$.book[9].t`: `$.book[9].t` finds nothing",
    );
    check(
        "null",
        "$.a",
        "jsonpath.no_match at `$.a`: `$.a` finds nothing",
    );
    check("\"text\"", "$", "\"text\"");
}

#[test]
fn other_paths_give_a_list() {
    check(STORE, "$.book[*].t", r#"["A","B","C"]"#);
    check(STORE, "$..p", "[8,12,20]");
    check(STORE, "$.nothing[*]", "[]");
    check(STORE, "$.book[0,2].t", r#"["A","C"]"#);
    check(STORE, "$.book[::-1].t", r#"["C","B","A"]"#);
    check(STORE, "$.book[-2:].t", r#"["B","C"]"#);
    check(STORE, "$.book[0:2:0].t", "[]");
    check(STORE, "$.book[?@.p < 10].t", r#"["A"]"#);
    check(STORE, "$.book[?@.p].t", r#"["A","B"]"#);
    check(STORE, "$.book[?!@.p].t", r#"["C"]"#);
    check(STORE, "$.book[?@.p > $.book[0].p && @.t == 'B'].p", "[12]");
    check(STORE, "$.book[?@.t == 'A' || @.t == 'C'].t", r#"["A","C"]"#);
    check(STORE, "$.book[?length(@.t) == 1].t", r#"["A","B","C"]"#);
    check(STORE, "$[?count(@.*) == 1]", r#"[{"p":20}]"#);
    check(STORE, "$.book[?value(@..p) == 8].t", r#"["A"]"#);
}

/// What the crate's own evaluation gets wrong.
#[test]
fn the_standard_is_kept_where_the_crate_leaves_it() {
    check("[[1,2],[0],[3]]", "$[?@[?@>1]]", "[[1,2],[3]]");
    check(r#"{"x":{"a":1,"d":2},"d":3}"#, "$..['a','d']", "[3,1,2]");
    check("[0.0000000000000000001, 0]", "$[?@ == 0]", "[0]");
    check(
        "[9007199254740993, 9007199254740992]",
        "$[?@ == 9007199254740991.0]",
        "[]",
    );
    check(
        "[1]",
        "$[?count(@..*)]",
        "jsonpath.syntax at `$[?count(@..*)]`: `count()` gives a value: compare it, as in `count(@) > 1`",
    );
    check(
        "[1]",
        "$[?length(@.a)]",
        "jsonpath.syntax at `$[?length(@.a)]`: `length()` gives a value: compare it, as in `length(@) > 1`",
    );
    check(
        "[1]",
        "$[?length(@.*) < 3]",
        "jsonpath.syntax at `$[?length(@.*) < 3]`: this function takes one value: a path of names and indexes only",
    );
    check(
        "[1]",
        "$[?match(@, 'a') == true]",
        "jsonpath.syntax at `$[?match(@, 'a') == true]`: this is not a JSONPath",
    );
    check(
        "[1]",
        "$[?any_of(@, 'a')]",
        "jsonpath.syntax at `$[?any_of(@, 'a')]`: JSONPath has no function `any_of`",
    );
}

#[test]
fn names_follow_the_standard() {
    check(r#"{"a.b":1,"it's":2,"":3,"😀":4}"#, "$['a.b']", "1");
    check(r#"{"a.b":1,"it's":2,"":3,"😀":4}"#, r"$['it\'s']", "2");
    check(r#"{"a.b":1,"it's":2,"":3,"😀":4}"#, "$['']", "3");
    check(
        r#"{"a.b":1,"it's":2,"":3,"😀":4}"#,
        r#"$["\ud83d\ude00"]"#,
        "4",
    );
    check(r#"{"a.b":1,"it's":2,"":3,"😀":4}"#, "$.😀", "4");
}

#[test]
fn wrong_paths_are_refused_with_their_place() {
    check(
        "[]",
        "$.a[",
        "jsonpath.syntax at ``: the JSONPath ends too early",
    );
    check(
        "[]",
        "$.a[0",
        "jsonpath.syntax at `0`: this is not a JSONPath from `0` on",
    );
    check(
        "[]",
        "$.a b",
        "jsonpath.syntax at ` `: white space inside a name or number of a JSONPath",
    );
    check(
        "[]",
        "data.id",
        "jsonpath.syntax at `d`: this is not a JSONPath from `data.id` on",
    );
    check(
        "[]",
        "",
        "jsonpath.syntax at ``: the JSONPath ends too early",
    );
    check(
        "[]",
        "$[9007199254740993]",
        "jsonpath.syntax at `9`: this is not a JSONPath from `9007199254740993]` on",
    );
}

#[test]
fn patterns_are_checked_and_linear() {
    check(r#"["abc","ab","a\rb"]"#, "$[?match(@, 'a.')]", r#"["ab"]"#);
    check(
        r#"["abc","ab","xa"]"#,
        "$[?search(@, 'b')]",
        r#"["abc","ab"]"#,
    );
    check(r#"["ab","a","b"]"#, "$[?match(@, 'a|b')]", r#"["a","b"]"#);
    check(
        "[]",
        "$[?match(@, 'a(')]",
        "jsonpath.regex at `$[?match(@, 'a(')]`: not a regular expression: unclosed group",
    );
    check(
        "[]",
        "$[?match(@, '(a{1000}){1000}')]",
        "jsonpath.regex at `$[?match(@, '(a{1000}){1000}')]`: the regular expression is too large",
    );
    check(
        r#"[{"t":"a","p":"a("}]"#,
        "$[?match(@.t, @.p)]",
        "jsonpath.regex at ``: not a regular expression: unclosed group",
    );
    let long = format!("[\"{}\"]", "a".repeat(100_000));
    check(&long, "$[?search(@, '(a*)*b')]", "[]");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test bounds the time that an attack takes"
)]
fn limits_hold_before_anything_is_hurt() {
    let code = |path: &str| JsonPath::parse(path).map_or_else(|error| error.code, |_| "fine");
    assert_eq!(
        code(&format!("${}", ".a".repeat(1000))),
        "jsonpath.too_long"
    );
    assert_eq!(
        code(&format!("${}", ".a".repeat(600_000))),
        "jsonpath.too_long"
    );
    assert_eq!(
        code(&format!("$[?{}@{}]", "(".repeat(900), ")".repeat(900))),
        "jsonpath.depth"
    );
    assert_eq!(
        code(&format!("$[?{}@{}]", "!(".repeat(600), ")".repeat(600))),
        "jsonpath.depth"
    );
    assert_eq!(
        code(&format!("${}1{}", "[?@".repeat(500), "]".repeat(490))),
        "jsonpath.depth"
    );
    assert_eq!(
        code(&format!("$[?{}@.a{}]", "length(".repeat(9), ")".repeat(9))),
        "jsonpath.depth"
    );
    let started = std::time::Instant::now();
    let _ = code(&format!(
        "$[?{}@.a{} > 1]",
        "length(".repeat(8),
        ")".repeat(8)
    ));
    let _ = code(&format!(
        "$[?{}@.a{} ! 1]",
        "length(".repeat(8),
        ")".repeat(8)
    ));
    let _ = code(&format!(
        "$[?{}@.a{} ! 1]",
        "((length(".repeat(2),
        ")))".repeat(2)
    ));
    let _ = code(&format!(
        "$[?@[?@[?@[?@[?@[?{}@.a{} ! 1]]]]]]",
        "length(".repeat(8),
        ")".repeat(8)
    ));
    assert!(
        started.elapsed().as_millis() < 1000,
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn the_budget_is_kept() {
    let wide = format!("[{}]", vec!["{\"a\":[1,2,3]}"; 40_000].join(","));
    check(
        &wide,
        "$..*..*..*",
        "jsonpath.budget at ``: the JSONPath finds more than 100000 nodes",
    );
    check(
        &wide,
        "$[?@.a == $..b]",
        "jsonpath.syntax at `.`: this is not a JSONPath from `.b]` on",
    );
    check(
        &wide,
        "$[?count($..a) == 0]",
        "jsonpath.budget at ``: the JSONPath looks at more than 5000000 nodes",
    );
}
