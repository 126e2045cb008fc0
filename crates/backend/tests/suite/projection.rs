//! Reading only the members that an expression uses gives what reading all gives.

use std::sync::Arc;

use flow_engine::eval::Reads;
use flow_engine::expr::{Expression, Roots, Scope};
use flow_engine::value::{Projection, Value, json};
use proptest::prelude::*;

/// No names besides the item.
struct Nothing;

impl Roots for Nothing {
    fn root(&self, _: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}

/// JSON as others write it: white space, escapes, keys that come twice, deep and long things.
fn document() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-c]{0,3}",
        Just("é😀".to_owned()),
        Just(r#"\"\\\/\b\n\u0041\ud83d\ude00"#.to_owned()),
        Just("}]{[,:".to_owned()),
        Just(r"\\".to_owned()),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("18446744073709551615".to_owned()),
        Just("-1.5e-7".to_owned()),
        text.clone().prop_map(|text| format!("\"{text}\"")),
    ];
    let blank = prop_oneof![Just(""), Just(" "), Just("\t\r\n ")];
    let key = prop_oneof![
        Just("a"),
        Just("b"),
        Just("c"),
        Just(r"\u0061"),
        Just("é"),
        Just("")
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let member = (key.clone(), blank.clone(), inner.clone());
        let member = member.prop_map(|(key, blank, value)| format!("{blank}\"{key}\"{blank}:{blank}{value}{blank}"));
        prop_oneof![
            3 => proptest::collection::vec(member, 0..6).prop_map(|all| format!("{{{}}}", all.join(","))),
            1 => proptest::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(" , "))),
        ]
    })
}

fn expression() -> impl Strategy<Value = String> {
    let path = proptest::collection::vec(
        prop_oneof![
            Just(".a"),
            Just(".b"),
            Just("['c']"),
            Just("['é']"),
            Just("[0]"),
            Just("[-1]"),
            Just("[index]")
        ],
        0..4,
    );
    let path = path.prop_map(|parts| format!("item{}", parts.concat()));
    let form = prop_oneof![
        Just("@"),
        Just("@ is defined"),
        Just("@ | default('none')"),
        Just("@ | to_json"),
        Just("@ is mapping"),
        Just("@ == 1 or # is defined"),
        Just("[@, # | default(2)]"),
        Just("@ if # is defined else 'no'"),
        Just("(@ | default([])) | length"),
        Just("@ ~ #"),
    ];
    (form, path.clone(), path)
        .prop_map(|(form, one, other)| form.replace('@', &one).replace('#', &other))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_not_read_makes_no_difference(document in document(), text in expression()) {
        let expression = Expression::parse(&text).expect("it is fine");
        let mut reads = Reads::of("item");
        expression.references().iter().for_each(|one| reads.add(one));
        let paths = reads.known();
        let projection = paths.and_then(|paths| Projection::of(paths.iter().map(Vec::as_slice)));
        let whole = json::parse(document.as_bytes()).expect("JSON");
        let part = match &projection {
            Some(projection) => json::parse_projected(document.as_bytes(), projection).expect("JSON"),
            None => json::parse(document.as_bytes()).expect("JSON"),
        };

        let value = |item: Value| {
            let locals = [("item", item), ("index", Value::Int(0))];
            expression.eval(&Scope::new(&Nothing).with(&locals)).ok()
        };
        prop_assert_eq!(value(part), value(whole), "{} of {}", text, document);
    }
}
