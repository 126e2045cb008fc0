//! Descriptors out of documents of services: what they become, what is left out, and what hostile ones cannot do.
//!
//! `tests/openapi` has documents; what each becomes stands beside it, with what was left out as comments. `UPDATE=1 cargo
//! test` writes that anew.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flow_connector::openapi::{Imported, Options, import};
use flow_connector::{Connectors, descriptor};
use flow_engine::catalog::{Effect, OperationKind, OutputType};
use flow_engine::finding::Finding;
use flow_engine::source::SourceFile;

fn imported(text: &str) -> Result<Imported, Vec<Finding>> {
    import(&SourceFile::new("api.yaml", text), &Options::default())
}

#[track_caller]
fn refused(text: &str) -> &'static str {
    let findings = imported(text).expect_err("it cannot be imported");
    findings[0].code
}

#[test]
fn documents_become_what_stands_beside_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi");
    for name in ["shop.yaml", "notes.json"] {
        let text = std::fs::read_to_string(folder.join(name)).expect("it is there");
        let source = SourceFile::new(name, text);
        let made =
            import(&source, &Options::default()).unwrap_or_else(|findings| panic!("{findings:?}"));
        let mut whole = made.text;
        for left in &made.left_out {
            let line = source.position(left.span.start).line;
            let _ = writeln!(
                whole,
                "# {name}:{line}: {}: {}",
                left.reason.as_str(),
                left.what
            );
        }
        let path = folder.join(name).with_extension("expected.yaml");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &whole).expect("the tree can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(whole, expected, "{name}; UPDATE=1 cargo test writes it");
        let errors = descriptor::check(&[SourceFile::new("made.yaml", whole)]);
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn what_was_made_is_a_connector() {
    let text = include_str!("../openapi/shop.yaml");
    let made = imported(text).unwrap_or_else(|findings| panic!("{findings:?}"));
    let connectors =
        Connectors::builtin().with_descriptor(&[SourceFile::new("shop.yaml", made.text)]);
    let connectors = connectors.unwrap_or_else(|error| panic!("{error}"));
    let catalog = connectors.catalog();
    let shop = catalog.connector("shop").expect("it was made");
    let operation = |name: &str| {
        shop.operations
            .get(name)
            .unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(
        (
            operation("orders.list").kind,
            operation("orders.list").effect
        ),
        (OperationKind::Query, Effect::Read)
    );
    assert_eq!(operation("orders.create").effect, Effect::Once);
    assert_eq!(operation("orders.replace").effect, Effect::Keyed);
    assert_eq!(
        operation("orders.cancel").path.as_ref(),
        "/v1/orders/{order_id}/cancel"
    );
    let OutputType::Fixed(list) = &operation("orders.list").output else {
        panic!("it has a type")
    };
    assert!(list.to_string().starts_with("list of"), "{list}");
    let said = |auth: &'static str| move |name: &str| (name == "auth").then_some(Some(auth));
    let needed = |auth| {
        let settings = shop.settings.values();
        settings
            .filter_map(|setting| setting.secret_if(said(auth)))
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>()
    };
    assert_eq!(needed("token"), ["SHOP_CLIENT_ID", "SHOP_CLIENT_SECRET"]);
    assert_eq!(needed("key"), ["SHOP_API_KEY"]);
    assert_eq!(needed("none"), [""; 0]);
}

#[test]
fn a_part_can_be_taken() {
    let text = include_str!("../openapi/shop.yaml");
    let only = |words: &[&str]| {
        let options = Options {
            handle: Some("mine".to_owned()),
            only: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        import(&SourceFile::new("api.yaml", text), &options)
    };
    let made = only(&["ORDERS"]).expect("there are some");
    assert_eq!((made.handle.as_str(), made.operations), ("mine", 2));
    let made = only(&["/v1/orders/*", "/v1/photos"]).expect("there are some");
    assert_eq!(made.operations, 7);
    let findings = only(&["customers"]).expect_err("there are none");
    assert_eq!(findings[0].code, "openapi.nothing");
}

#[test]
fn what_is_something_else_is_refused() {
    assert_eq!(refused("swagger: '2.0'\npaths: {}\n"), "openapi.version");
    assert_eq!(refused("openapi: 4.0.0\npaths: {}\n"), "openapi.version");
    assert_eq!(refused("openapi: [3]\n"), "openapi.version");
    assert_eq!(refused("steps: {}\n"), "openapi.not_openapi");
    assert_eq!(refused("[]"), "openapi.not_openapi");
    assert_eq!(refused("just text"), "openapi.not_openapi");
    assert_eq!(refused("openapi: 3.0.0\n"), "openapi.nothing");
    assert_eq!(refused("openapi: 3.0.0\npaths: []\n"), "openapi.nothing");
    assert_eq!(refused("{"), "yaml.unclosed");
}

/// A document whose only operation answers with the schema `t0`, and these schemas.
fn with_schemas(schemas: &str) -> String {
    format!(
        "openapi: 3.0.0\ninfo: {{ title: x }}\npaths:\n  /a:\n    get: {{ responses: {{ '200': {{ content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/t0' }} }} }} }} }} }}\ncomponents:\n  schemas:\n{schemas}"
    )
}

#[test]
fn hostile_documents_cost_little() {
    let refer = |n: usize| format!("{{ $ref: '#/components/schemas/t{n}' }}");
    let mut doubling = String::new();
    for n in 0..60 {
        let _ = writeln!(
            doubling,
            "    t{n}: {{ allOf: [{}, {}] }}",
            refer(n + 1),
            refer(n + 1)
        );
    }
    doubling.push_str("    t60: { type: object, properties: { a: {} } }\n");
    let circle = "    t0: { $ref: '#/components/schemas/t1' }\n    t1: { $ref: '#/components/schemas/t0' }\n";
    let own = "    t0: { allOf: [{ $ref: '#/components/schemas/t0' }, { type: object, properties: { a: { $ref: '#/components/schemas/t0' } } }] }\n";
    let pointers = "    t0: { properties: { a: { $ref: '#/components/schemas/t0/properties/a' }, b: { $ref: '#/components/schemas/t0/properties/c' }, c: { type: array, items: { $ref: '#/components/schemas/t0/properties/c' } }, d: { $ref: 'other.yaml#/x' }, e: { $ref: '#/%zz/~9' } } }\n";
    let mut wide = String::from("    t0:\n      properties:\n");
    for n in 0..20_000 {
        let _ = writeln!(wide, "        p{n}: {{ $ref: '#/components/schemas/t0' }}");
    }
    let mut chain = String::new();
    for n in 0..3_000 {
        let _ = writeln!(
            chain,
            "    t{n}: {{ properties: {{ a: {} }} }}",
            refer(n + 1)
        );
    }
    let deep = format!("    t0: {}{}\n", "{ items: ".repeat(40), "}".repeat(40));
    for text in [&doubling, circle, own, pointers, &wide, &chain, &deep] {
        let started = Instant::now();
        if let Ok(made) = imported(&with_schemas(text)) {
            let errors = descriptor::check(&[SourceFile::new("made.yaml", made.text)]);
            assert!(errors.is_empty(), "{errors:?}");
        }
        let limit = Duration::from_secs(20);
        assert!(
            started.elapsed() < limit,
            "{:?}: {}",
            started.elapsed(),
            &text[..80.min(text.len())]
        );
    }
}

#[test]
fn no_beginning_of_a_document_breaks_anything() {
    for text in [
        include_str!("../openapi/shop.yaml"),
        include_str!("../openapi/notes.json"),
    ] {
        let ends = text.char_indices().map(|(at, _)| at).step_by(37);
        for end in ends {
            drop(imported(&text[..end]));
        }
    }
}

#[test]
fn strange_members_break_nothing() {
    for odd in [
        "1",
        "[]",
        "[[]]",
        "{ a: }",
        "x",
        "{ $ref: 3 }",
        "{ $ref: '#' }",
        "{ type: {} }",
        "{ type: [[]] }",
    ] {
        for text in [
            format!("openapi: 3.0.0\npaths: {odd}\n"),
            format!(
                "openapi: 3.0.0\nsecurity: {odd}\nservers: {odd}\ninfo: {odd}\ntags: {odd}\npaths: {{ /a: {{ get: {{ responses: {odd} }} }} }}\n"
            ),
            format!(
                "openapi: 3.0.0\npaths: {{ /a/{{b}}: {{ post: {{ parameters: [{odd}], requestBody: {odd}, responses: {{ '200': {odd} }} }}, get: {odd} }} }}\ncomponents: {{ securitySchemes: {odd} }}\n"
            ),
            format!(
                "openapi: 3.0.0\npaths: {{ /a: {{ post: {{ requestBody: {{ content: {{ application/json: {{ schema: {odd} }} }} }}, responses: {{ '200': {{ content: {odd} }} }} }} }} }}\n"
            ),
        ] {
            if let Ok(made) = imported(&text) {
                let errors = descriptor::check(&[SourceFile::new("made.yaml", made.text.as_str())]);
                assert!(errors.is_empty(), "{text}\n{}\n{errors:?}", made.text);
            }
        }
    }
}
