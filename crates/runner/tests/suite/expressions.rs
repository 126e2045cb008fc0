//! `docs/expressions.md` has the engine's own tables: `UPDATE=1 cargo test` writes them.

use flow_engine::expr::{
    ToolDoc, filter_docs, function_docs, limit_docs, operator_docs, test_docs,
};

use crate::support::{expect, root};

/// A cell of code in a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn aliases(doc: &ToolDoc) -> String {
    if doc.aliases.is_empty() {
        return String::new();
    }
    let names: Vec<_> = doc.aliases.iter().map(|name| code(name)).collect();
    format!(" (also {})", names.join(", "))
}

/// A table of things with an example and its result.
fn table(head: &str, docs: &[ToolDoc]) -> String {
    let mut out =
        format!("| {head} | what it gives | example | result |\n| --- | --- | --- | --- |\n");
    for doc in docs {
        let cells = [
            code(&doc.signature) + &aliases(doc),
            doc.about.replace('|', "\\|"),
            code(doc.example),
            code(doc.gives),
        ];
        out.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    out
}

/// Filters under the headings of their groups.
fn filters() -> String {
    let docs: Vec<ToolDoc> = filter_docs().collect();
    let groups = docs.chunk_by(|a, b| a.group == b.group);
    let tables = groups.map(|docs| format!("### {}\n\n{}", docs[0].group, table("filter", docs)));
    tables.collect::<Vec<_>>().join("\n")
}

fn tests() -> String {
    let mut out = "| test | asks | example that is true |\n| --- | --- | --- |\n".to_owned();
    for doc in test_docs() {
        let cells = [
            code(&doc.signature) + &aliases(&doc),
            doc.about.to_owned(),
            code(doc.example),
        ];
        out.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    out
}

fn limits() -> String {
    let mut out = "| what | at most |\n| --- | --- |\n".to_owned();
    for (what, most) in limit_docs() {
        out.extend(["| ", what, " | ", &most, " |\n"]);
    }
    out
}

/// The page with everything between `<!-- table: name -->` and `<!-- end -->` made anew.
fn made_anew(page: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in page.lines() {
        inside &= line != "<!-- end -->";
        if inside {
            continue;
        }
        out.extend([line, "\n"]);
        let name = line
            .strip_prefix("<!-- table: ")
            .and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(name) = name {
            inside = true;
            out += "\n";
            out += &match name {
                "operators" => table("written", &operator_docs().collect::<Vec<_>>()),
                "functions" => table("function", &function_docs().collect::<Vec<_>>()),
                "tests" => tests(),
                "filters" => filters(),
                "limits" => limits(),
                other => panic!("there is no table `{other}`"),
            };
            out += "\n";
        }
    }
    out
}

#[test]
fn the_expressions_page_has_the_tables_of_the_engine() {
    let path = root().join("docs/expressions.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    for name in ["operators", "functions", "tests", "filters", "limits"] {
        assert!(page.contains(&format!("<!-- table: {name} -->")), "{name}");
    }
    expect(&path, &made_anew(&page));
}
