//! What bounds a template: its length and nesting when it is read, its steps and text when it is evaluated.

use std::cell::Cell;

use super::error::Fault;
use crate::value::Value;

/// Longest expression, in characters.
pub const EXPRESSION_CHARS_MAX: usize = 2_000;
/// Longest text with templates in it, in bytes; text without any is not limited here.
pub const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// How deep brackets, signs and statements may nest.
pub const NESTING_MAX: usize = 64;
/// How deep the syntax tree of one expression may be: a chain of operators deepens it by one each.
pub const TREE_DEPTH_MAX: usize = 200;
/// How many nodes and items one evaluation may visit.
pub const FUEL: u32 = 1_000_000;
/// Longest text that a template or a filter may make, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 8 << 20;
/// How much text one evaluation may make in all, intermediate texts included: this bounds its memory.
pub const OUTPUT_BYTES_TOTAL: usize = 64 << 20;
/// Most items of `range()`.
pub const RANGE_MAX: i128 = 100_000;

/// What one evaluation may still use.
#[derive(Debug)]
pub(super) struct Budget {
    fuel: Cell<u32>,
    bytes: Cell<usize>,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget {
            fuel: Cell::new(FUEL),
            bytes: Cell::new(OUTPUT_BYTES_TOTAL),
        }
    }

    /// Takes one step.
    pub(super) fn step(&self) -> Result<(), Fault> {
        self.steps(1)
    }

    /// Takes as many steps as there are items.
    pub(super) fn steps(&self, items: usize) -> Result<(), Fault> {
        let cost = u32::try_from(items).unwrap_or(u32::MAX);
        match self.fuel.get().checked_sub(cost) {
            Some(left) => {
                self.fuel.set(left);
                Ok(())
            }
            None => Err(Fault::new(
                "template.fuel",
                format!("the template takes more than {FUEL} steps"),
            )
            .help("work on large lists with `data.map` and `data.filter`, which go item by item")),
        }
    }

    /// Pays for going through so many bytes of text: a step for each 1,024.
    pub(super) fn scan(&self, bytes: usize) -> Result<(), Fault> {
        self.steps(bytes / 1024)
    }

    /// Refuses text of this length before it is made.
    pub(super) fn text_bytes(&self, bytes: usize) -> Result<(), Fault> {
        let left = self.bytes.get().checked_sub(bytes);
        match left {
            Some(left) if bytes <= OUTPUT_BYTES_MAX => {
                self.bytes.set(left);
                Ok(())
            }
            _ => Err(Fault::new(
                "template.output_limit",
                format!("the template makes more than {OUTPUT_BYTES_MAX} bytes of text"),
            )),
        }
    }

    /// Counts a text that was made.
    pub(super) fn text(&self, text: String) -> Result<Value, Fault> {
        self.text_bytes(text.len())?;
        Ok(Value::from(text))
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::{World, rendered, shown};

    fn code(result: &str) -> String {
        result.split(' ').next().unwrap_or_default().to_owned()
    }

    /// Runs on a stack of 2 MiB, as a thread of the daemon has.
    #[track_caller]
    fn on_a_small_stack(cases: Vec<(String, &'static str)>) {
        let run = move || {
            for (text, expected) in cases {
                let mut head: String = text.chars().take(40).collect();
                head += "...";
                assert_eq!(code(&rendered(&text)), expected, "{head}");
                if let Ok(template) = crate::expr::Template::parse(&text) {
                    struct Nothing;
                    impl crate::expr::TypeScope for Nothing {
                        fn root(&self, _: &str) -> Option<crate::types::Type> {
                            None
                        }
                    }
                    let _ = template.infer(&Nothing);
                }
                let inside = text.trim_start_matches("{{").trim_end_matches("}}");
                if text.starts_with("{{") {
                    let shown = code(&shown(inside));
                    let too_deep = shown == "template.depth" && expected == "template.too_long";
                    assert!(
                        shown == expected || too_deep,
                        "{head} as an expression: {shown}"
                    );
                }
            }
        };
        let thread = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(run)
            .expect("a thread");
        assert!(thread.join().is_ok(), "the thread panicked");
    }

    #[test]
    fn nesting_is_refused_before_it_hurts() {
        let mut cases = Vec::new();
        for depth in [70, 900, 10_000, 200_000] {
            let expected = if depth > 30_000 {
                "template.too_long"
            } else {
                "template.depth"
            };
            for (open, close) in [("(", ")"), ("[", "]"), ("{'a':", "}")] {
                let text = format!("{{{{ {}1{} }}}}", open.repeat(depth), close.repeat(depth));
                let expected = if text.len() > super::TEMPLATE_BYTES_MAX {
                    "template.too_long"
                } else {
                    expected
                };
                cases.push((text, expected));
            }
        }
        for (piece, count) in [("not ", 400), ("-", 1900), ("- not ", 300)] {
            cases.push((
                format!("{{{{ {}1 }}}}", piece.repeat(count)),
                "template.depth",
            ));
        }
        for (piece, count) in [
            ("+1", 900),
            (".a", 900),
            ("|upper", 300),
            ("[0]", 600),
            ("**1", 600),
            ("[0:]", 400),
            ("~1", 900),
            (" or 1", 390),
            (" is odd", 280),
        ] {
            cases.push((
                format!("{{{{ 1{} }}}}", piece.repeat(count)),
                "template.depth",
            ));
        }
        for (piece, count) in [("+1", 10_000), ("not ", 10_000), ("|upper", 10_000)] {
            cases.push((
                format!("{{{{ 1{} }}}}", piece.repeat(count)),
                "template.too_long",
            ));
        }
        cases.push((
            format!("{}x{}", "{% if 1 %}".repeat(100), "{% endif %}".repeat(100)),
            "template.depth",
        ));
        cases.push((
            format!(
                "{}x{}",
                "{% if 1 %}".repeat(3_000),
                "{% endif %}".repeat(3_000)
            ),
            "template.depth",
        ));
        cases.push((
            format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(5_000)),
            "\"\"",
        ));
        cases.push((
            format!(
                "{{% set a = 1 %}}{}{{{{ a }}}}!",
                "{% set a = [a] %}".repeat(3_000)
            ),
            "template.depth",
        ));
        on_a_small_stack(cases);
    }

    #[test]
    fn the_deepest_that_is_allowed_works() {
        let mut cases = Vec::new();
        for (piece, count) in [("+1", 190), ("~1", 190), ("[0:]", 1)] {
            let text = format!("{{{{ ['a'{}] }}}}", piece.repeat(count).replace("+1", "~1"));
            cases.push((text, if count > 1 { "[\"a1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111\"]" } else { "[\"a\"]" }));
        }
        let nested = format!("{{{{ {}1{} }}}}", "(".repeat(64), ")".repeat(64));
        cases.push((nested, "1"));
        let ifs = format!("{}x{}", "{% if 1 %}".repeat(64), "{% endif %}".repeat(64));
        cases.push((ifs, "\"x\""));
        on_a_small_stack(cases);
    }

    #[test]
    fn length_is_limited() {
        assert_eq!(
            code(&shown(&format!("'{}'", "a".repeat(1_999)))),
            "template.too_long"
        );
        assert_eq!(
            code(&shown(&format!("'{}' | length", "a".repeat(1_980)))),
            "1980"
        );
        assert_eq!(
            code(&rendered(&format!("{{{{ 1 }}}}{}", "a".repeat(65_536)))),
            "template.too_long"
        );
        assert!(
            rendered(&"a".repeat(100_000)).len() > 100_000,
            "text without templates has no limit here"
        );
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test bounds the time that an attack takes"
    )]
    fn work_is_limited() {
        let started = std::time::Instant::now();
        assert_eq!(code(&shown("range(1000000000)")), "template.range");
        assert_eq!(code(&shown("range(0, 100001)")), "template.range");
        assert_eq!(code(&shown("range(100000) | length")), "100000");
        let loops =
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert_eq!(code(&rendered(loops)), "template.fuel");
        let empty = "{% for a in range(100000) %}{% for b in [] %}{% endfor %}{% for c in range(20) %}{% endfor %}{% endfor %}";
        assert_eq!(code(&rendered(empty)), "template.fuel");
        assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    }

    #[test]
    fn text_is_limited() {
        let mut world = World::usual();
        let long = "a".repeat(1 << 20);
        world
            .roots
            .push(("long".into(), crate::value::Value::from(long)));
        let check = |text: &str| {
            assert_eq!(
                code(&crate::expr::testing::render_in(&world, text)),
                "template.output_limit",
                "{text}"
            );
        };
        let doubled = "{% set a = a ~ a %}".repeat(32);
        check(&format!("{{% set a = 'aaaaaaaaaaaaaaaa' %}}{doubled}"));
        check(&"{{ long }}".repeat(9));
        check("{{ long | replace('a', 'bbbbbbbbb') }}");
        check("{{ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long ~ long }}");
        check("{{ [long, long, long] | join(long ~ long ~ long ~ long) }}");
        check("{{ [long, long, long, long, long, long, long, long, long] | to_json }}");
        check(&format!(
            "{{{{ [{}] | length }}}}",
            "long ~ long ~ long ~ long ~ long ~ long,".repeat(12)
        ));
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test bounds the time that an attack takes"
    )]
    fn going_through_long_text_costs_steps() {
        let mut world = World::usual();
        let long = crate::value::Value::from("a".repeat(8 << 20));
        world.roots.push(("long".into(), long.clone()));
        let numbers = (0..50_000).map(crate::value::Value::Int);
        world
            .roots
            .push(("many".into(), crate::value::Value::list(numbers)));
        let started = std::time::Instant::now();
        for inside in [
            "'b' in long",
            "long | length",
            "long | regex_find('b') | default('')",
            "many | jsonpath('$..b')",
            "many == many + []",
        ] {
            let text = format!("{{% for i in range(100000) %}}{{{{ {inside} }}}}{{% endfor %}}");
            let result = crate::expr::testing::render_in(&world, &text);
            assert_eq!(code(&result), "template.fuel", "{inside}");
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    /// Cuts and changes every example in many ways: nothing may panic, wherever it leads.
    #[test]
    fn no_text_makes_it_panic() {
        struct Nothing;
        impl crate::expr::TypeScope for Nothing {
            fn root(&self, _: &str) -> Option<crate::types::Type> {
                None
            }
        }
        let world = World::usual();
        let mut texts: Vec<String> = crate::expr::filter_docs()
            .chain(crate::expr::test_docs())
            .map(|doc| format!("a {{{{- {} -}}}} é", doc.example))
            .collect();
        texts.extend(
            [
                "{% for a, b in x if y %}{{ loop.index }}{% else %}z{% endfor %}",
                "{% with a = 1, b = {'c': [2]} %}{{ a ~ b['c'][0:1] }}{% endwith %}",
                "{% set a = steps['é'].b | default(inputs.n if true else 0) %}{{ not a is defined }}",
                "{{ -1 ** 2 // 3 % 4 < 5 <= 6 != 7 and not 8 or 'é' in \"ø\" }}",
                "{{ run.callback_url('a') }}{{ failed('x') }}{{ a.b.c(1) }}{{ f(a=1) }}",
            ]
            .map(str::to_owned),
        );
        for text in texts {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            for at in places {
                let (before, after) = text.split_at(at);
                let rest = after.chars().next().map_or("", |c| &after[c.len_utf8()..]);
                let mut changed = vec![
                    before.to_owned(),
                    after.to_owned(),
                    format!("{before}{rest}"),
                ];
                let inserted = [
                    "(", "}", "'", "\\", "|", "é", "{{", "%}", " ", "1e999", "\u{0}",
                ];
                changed.extend(inserted.map(|piece| format!("{before}{piece}{after}")));
                for text in changed {
                    let _ = shown(&text);
                    if let Ok(template) = crate::expr::Template::parse(&text) {
                        let _ = template.infer(&Nothing);
                        let _ = template.render(&crate::expr::Scope::new(&world));
                    }
                }
            }
        }
    }

    #[test]
    fn shared_values_do_not_explode() {
        let doubled = format!(
            "{{% set a = [1] %}}{{% set b = [1] %}}{}",
            "{% set a = [a, a] %}{% set b = [b, b] %}".repeat(40)
        );
        assert_eq!(
            code(&rendered(&format!("{doubled}{{{{ a == b }}}}"))),
            "template.fuel"
        );
        assert_eq!(
            code(&rendered(&format!("{doubled}{{{{ a in [b] }}}}"))),
            "template.fuel"
        );
        assert_eq!(
            code(&rendered(&format!(
                "{doubled}{{{{ [a] | unique | length }}}}"
            ))),
            "template.fuel"
        );
    }
}
