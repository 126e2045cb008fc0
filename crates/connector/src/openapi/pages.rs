//! How a list goes on: by the parameters of its query, the members of its answer, its headers.

use flow_engine::yaml::Node;
use serde_json::{Value as Json, json};

use super::answer::Answer;
use super::members::{Object, members};
use super::parameters::Written;
use super::schema::{Schemas, kinds};
use super::tree::{member, text_of};
use super::words::words;

/// A list: where its items stand, what each is, and how it goes on.
pub(super) struct List<'a> {
    /// Schema of an item.
    pub(super) item: Option<&'a Node>,
    /// As descriptors say it; `None` if it does not go on.
    pub(super) pagination: Option<Json>,
    /// Whether the answer itself is the list.
    pub(super) is_bare: bool,
}

/// Members that hold the items, the likeliest first.
const ITEMS: [&str; 9] = [
    "data", "items", "results", "values", "records", "entries", "content", "elements", "list",
];
/// Members that hold what is said of the page.
const AROUND: [&str; 9] = [
    "meta",
    "metadata",
    "pagination",
    "paging",
    "page_info",
    "pageInfo",
    "page",
    "cursors",
    "response_metadata",
];
/// What a member with a cursor is called, and the parameter that takes it, both without blanks and in small letters.
const CURSORS: [(&str, &[&str]); 12] = [
    (
        "nextcursor",
        &["cursor", "nextcursor", "startcursor", "pagecursor", "after"],
    ),
    ("nextpagetoken", &["pagetoken", "nextpagetoken", "token"]),
    ("nexttoken", &["nexttoken", "token", "pagetoken"]),
    ("nextpage", &["page", "pagetoken", "nextpage", "cursor"]),
    ("continue", &["continue"]),
    ("continuationtoken", &["continuationtoken", "continue"]),
    ("endcursor", &["after", "cursor"]),
    ("cursor", &["cursor"]),
    ("after", &["after", "cursor"]),
    (
        "next",
        &["cursor", "after", "next", "start", "pagetoken", "token"],
    ),
    ("nextmarker", &["marker", "nextmarker"]),
    ("bookmark", &["bookmark"]),
];
/// What a member with the address of the next page is called.
const ADDRESSES: [&str; 5] = ["next", "nexturl", "nextlink", "nextpageurl", "nextpage"];
const PAGE: [&str; 5] = ["page", "pagenumber", "pageno", "pagenum", "currentpage"];
const TOTAL_PAGES: [&str; 6] = [
    "totalpages",
    "pagecount",
    "pages",
    "lastpage",
    "numpages",
    "totalpagecount",
];
const OFFSET: [&str; 6] = ["offset", "skip", "start", "startat", "startindex", "from"];
const LIMIT: [&str; 9] = [
    "limit",
    "perpage",
    "pagesize",
    "count",
    "top",
    "maxresults",
    "take",
    "size",
    "max",
];
const TOTAL: [&str; 6] = [
    "total",
    "totalcount",
    "totalresults",
    "count",
    "totalitems",
    "totalsize",
];

/// Whether an answer is a list, and how it goes on.
pub(super) fn list<'a>(
    schemas: &Schemas<'_, 'a>,
    answer: &Answer<'a>,
    parameters: &[Written<'a>],
) -> Option<List<'a>> {
    let schema = schemas.tree.resolved(answer.schema?)?;
    let query = Query {
        schemas,
        parameters,
    };
    if kinds(schema) == ["array"] {
        return Some(List {
            item: member(schema, "items"),
            pagination: going_on(answer, &query, None, ""),
            is_bare: true,
        });
    }
    let object = members(schemas, schema)?;
    let (path, item) = items_of(schemas, &object)?;
    Some(List {
        item: Some(item),
        pagination: going_on(answer, &query, Some(&object), path),
        is_bare: false,
    })
}

/// The member with the items: one of the usual names, else the only list of objects.
fn items_of<'a>(schemas: &Schemas<'_, 'a>, object: &Object<'a>) -> Option<(&'a str, &'a Node)> {
    let item = |node: &'a Node| {
        let node = schemas.tree.resolved(node)?;
        kinds(node)
            .contains(&"array")
            .then(|| member(node, "items"))
            .flatten()
    };
    for usual in ITEMS {
        if let Some(found) = object.members.iter().find(|found| found.name == usual)
            && let Some(item) = item(found.node)
        {
            return Some((found.name, item));
        }
    }
    let objects = object.members.iter().filter_map(|found| {
        let item = item(found.node)?;
        let is_object = schemas
            .tree
            .resolved(item)
            .is_some_and(|item| kinds(item).contains(&"object") || member(item, "allOf").is_some());
        is_object.then_some((found.name, item))
    });
    let all: Vec<_> = objects.collect();
    match all.as_slice() {
        // A name with a dot would be read as a path.
        [(name, item)] if !name.contains('.') => Some((name, item)),
        _ => None,
    }
}

struct Query<'q, 't, 'a> {
    schemas: &'q Schemas<'t, 'a>,
    parameters: &'q [Written<'a>],
}

impl<'a> Query<'_, '_, 'a> {
    /// A parameter of one of these names; numbers only, if that is asked for.
    fn find(&self, names: &[&str], number: bool) -> Option<Written<'a>> {
        let all = self
            .parameters
            .iter()
            .filter(|written| written.place == "query");
        let fits = |written: &&Written<'a>| {
            let schema = member(written.node, "schema")
                .and_then(|schema| self.schemas.tree.resolved(schema));
            let kinds = schema.map_or_else(Vec::new, kinds);
            !number
                || kinds
                    .iter()
                    .any(|kind| matches!(*kind, "integer" | "number"))
        };
        let called = |name: &&str| {
            all.clone()
                .filter(fits)
                .find(|written| plain(written.name) == **name)
        };
        names.iter().find_map(called).copied()
    }
}

/// A name without what differs between spellings.
fn plain(name: &str) -> String {
    words(name).concat()
}

fn going_on<'a>(
    answer: &Answer<'a>,
    query: &Query<'_, '_, 'a>,
    object: Option<&Object<'a>>,
    items: &str,
) -> Option<Json> {
    if let Some(object) = object {
        let found = by_cursor(query, object, items).or_else(|| by_object(query, object, items));
        if found.is_some() {
            return found;
        }
    }
    let with_items = |mut pagination: Json| {
        if !items.is_empty() {
            pagination["items"] = items.into();
        }
        pagination
    };
    if answer.links {
        return Some(with_items(json!({ "style": "link" })));
    }
    let member_of = |names: &[&str]| object.and_then(|object| path_of(query, object, names));
    if let Some(page) = query.find(&PAGE, true) {
        let mut pagination = with_items(json!({ "style": "page_number" }));
        if page.name != "page" {
            pagination["param"] = page.name.into();
        }
        let schema =
            member(page.node, "schema").and_then(|schema| query.schemas.tree.resolved(schema));
        let says = |key: &str| schema.and_then(|schema| text_of(schema, key)) == Some("0");
        if says("minimum") || says("default") {
            pagination["first"] = 0.into();
        }
        if let Some(total) = member_of(&TOTAL_PAGES) {
            pagination["total"] = total.into();
        }
        return Some(pagination);
    }
    let Some(offset) = query.find(&OFFSET, true) else {
        let next = path_of_kind(query, object?, &ADDRESSES, true)?;
        return Some(json!({ "style": "next_url", "items": items, "next": next }));
    };
    let mut pagination = with_items(json!({ "style": "offset" }));
    if offset.name != "offset" {
        pagination["param"] = offset.name.into();
    }
    if let Some(limit) = query.find(&LIMIT, true) {
        pagination["limit"] = limit.name.into();
    }
    if let Some(total) = member_of(&TOTAL) {
        pagination["total"] = total.into();
    }
    Some(pagination)
}

/// A cursor in the answer that a parameter takes.
fn by_cursor<'a>(query: &Query<'_, '_, 'a>, object: &Object<'a>, items: &str) -> Option<Json> {
    CURSORS.iter().find_map(|(cursor, takers)| {
        let taker = query.find(takers, false)?;
        let path = path_of(query, object, &[cursor])?;
        Some(json!({ "style": "page_cursor", "items": items, "next": path, "param": taker.name }))
    })
}

/// The id of the last object is the cursor.
fn by_object<'a>(query: &Query<'_, '_, 'a>, object: &Object<'a>, items: &str) -> Option<Json> {
    let more = path_of(query, object, &["hasmore"])?;
    let after = query.find(&["startingafter", "afterid", "after"], false)?;
    let before = query.find(&["endingbefore", "beforeid", "before"], false);
    let end = |name: &str, at: &str| {
        path_of(query, object, &[name]).unwrap_or_else(|| format!("{items}.{at}.id"))
    };
    Some(json!({
        "style": "object_cursor", "items": items, "more": more,
        "last": end("lastid", "-1"), "after": after.name,
        "first": end("firstid", "0"), "before": before.map_or("before_id", |before| before.name),
    }))
}

/// The path of a member of one of these names that is no list, no object and no address: see [`path_of_kind`].
fn path_of<'a>(query: &Query<'_, '_, 'a>, object: &Object<'a>, names: &[&str]) -> Option<String> {
    path_of_kind(query, object, names, false)
}

/// The path of a member of one of these names that is one value, an address or another, here or in what is said of the
/// page.
fn path_of_kind<'a>(
    query: &Query<'_, '_, 'a>,
    object: &Object<'a>,
    names: &[&str],
    addresses: bool,
) -> Option<String> {
    let schemas = query.schemas;
    let direct = |object: &Object<'a>| {
        let mut all = object.members.iter();
        all.find(|found| {
            let node = schemas.tree.resolved(found.node);
            let kinds = node.map_or_else(Vec::new, kinds);
            let scalar = !kinds.contains(&"array") && !kinds.contains(&"object");
            let address = node
                .and_then(|node| text_of(node, "format"))
                .is_some_and(|it| it.starts_with("ur"));
            scalar
                && address == addresses
                && !found.name.contains('.')
                && names.contains(&plain(found.name).as_str())
        })
        .map(|found| found.name)
    };
    if let Some(name) = direct(object) {
        return Some(name.to_owned());
    }
    AROUND.iter().find_map(|around| {
        let inner = schemas.tree.resolved(object.get(around)?)?;
        let name = direct(&members(schemas, inner)?)?;
        Some(format!("{around}.{name}"))
    })
}
