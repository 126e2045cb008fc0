//! Filters between values and CSV text.

use std::sync::Arc;

use crate::collections::IndexSet;

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::text::{json, scalar};
use crate::value::{Map, Value};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "csv",
        aliases: &["from_csv"],
        about: "The rows of a CSV text as maps of text, by the names in its first line; with `header=false` as lists.",
        example: (r"'id,name\n1,Ada\n' | csv", r#"[{"id":"1","name":"Ada"}]"#),
        gives: Gives::Rows,
        params: &[Param::optional("delimiter"), Param::optional("header")],
        takes: Takes::Text,
        run: from_csv,
    },
    Filter {
        name: "to_csv",
        aliases: &[],
        about: "The CSV text of a list of maps, with the names of all of them in the first line, or of a list of lists; null is an empty cell, lists and maps are JSON.",
        example: (
            "[{'a': 1, 'b': 'x, y'}, {'a': 2}] | to_csv",
            r#""a,b\n1,\"x, y\"\n2,\n""#,
        ),
        gives: Gives::Text,
        params: &[Param::optional("delimiter"), Param::optional("header")],
        takes: Takes::List,
        run: to_csv,
    },
];

fn delimiter(call: &Call<'_>) -> Result<u8, Fault> {
    match call.arg_text(0)?.as_deref() {
        None => Ok(b','),
        Some(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => {
                let message = format!("`delimiter` of {} is one ASCII character", call.name());
                Err(Fault::new("template.type", message))
            }
        },
    }
}

/// Whether the first line holds names: yes, unless `header=false`.
fn header(call: &Call<'_>) -> Result<bool, Fault> {
    call.arg(1).map_or(Ok(true), |_| call.arg_flag(1))
}

fn from_csv(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let header = header(call)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(call)?)
        .has_headers(header)
        .from_reader(text.as_bytes());
    let bad =
        |error: csv::Error| Fault::new("data.csv", format!("not CSV that can be read: {error}"));
    let names: Vec<Arc<str>> = if header {
        let names = reader.headers().map_err(bad)?.iter();
        names.map(Arc::from).collect()
    } else {
        Vec::new()
    };
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(bad)?;
        call.context.budget.steps(row.len() + 1)?;
        let cells = row.iter().map(Value::from);
        rows.push(if header {
            Value::from(names.iter().cloned().zip(cells).collect::<Map>())
        } else {
            Value::list(cells)
        });
    }
    Ok(Value::from(rows))
}

fn to_csv(call: &Call<'_>) -> Result<Value, Fault> {
    let items = call.list()?;
    let mut rows: Vec<Value> = Vec::with_capacity(items.len());
    let mut names: IndexSet<Arc<str>> = IndexSet::default();
    for item in items {
        let row = call.context.content(item.clone())?;
        match &row {
            Value::Map(map) => {
                call.context.budget.steps(map.len())?;
                names.extend(map.iter().map(|(name, _)| name.clone()));
            }
            Value::List(_) => {}
            other => {
                return Err(Fault::kind(
                    &call.name(),
                    "a list of maps or of lists",
                    other,
                ));
            }
        }
        rows.push(row);
    }
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter(call)?)
        .flexible(true)
        .from_writer(Vec::new());
    let unwritten =
        |error: csv::Error| Fault::new("data.csv", format!("CSV cannot be written: {error}"));
    if header(call)? && !names.is_empty() {
        writer
            .write_record(names.iter().map(|name| &**name))
            .map_err(unwritten)?;
    }
    let mut bytes = 0_usize;
    for row in &rows {
        let cells: Vec<String> = match row {
            Value::List(cells) if names.is_empty() => cells
                .iter()
                .map(|value| cell(call, value))
                .collect::<Result<_, _>>()?,
            Value::Map(map) => {
                let values = names
                    .iter()
                    .map(|name| map.get(name).unwrap_or(&Value::Null));
                values
                    .map(|value| cell(call, value))
                    .collect::<Result<_, _>>()?
            }
            other => {
                return Err(Fault::kind(
                    &call.name(),
                    "rows of one kind, maps or lists",
                    other,
                ));
            }
        };
        bytes += cells.iter().map(|cell| cell.len() + 1).sum::<usize>();
        call.context.budget.steps(cells.len())?;
        if bytes > crate::expr::limits::OUTPUT_BYTES_MAX {
            call.context.budget.text_bytes(bytes)?;
        }
        writer.write_record(&cells).map_err(unwritten)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|_| Fault::new("data.csv", "CSV cannot be written"))?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::new("data.csv", "CSV is not text"))?;
    call.made(text)
}

fn cell(call: &Call<'_>, value: &Value) -> Result<String, Fault> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.to_string()),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => Ok(scalar(value)),
        Value::Blob(blob) => match call.context.load(blob)? {
            Value::String(text) => Ok(text.to_string()),
            other => json(&other, call.context),
        },
        other => json(other, call.context),
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[test]
    fn csv_goes_both_ways() {
        assert_eq!(
            shown(r#"'a;b\n1;"x;\ny"\n' | csv(';')"#),
            r#"[{"a":"1","b":"x;\ny"}]"#
        );
        assert_eq!(
            shown(r"'1,2\n3,4' | csv(header=false)"),
            r#"[["1","2"],["3","4"]]"#
        );
        assert_eq!(
            shown(r"'a,b\n1\n' | csv"),
            r"data.csv at `'a,b\n1\n' | csv`: not CSV that can be read: CSV error: record 1 (line: 2, byte: 4): found record with 1 fields, but the previous record has 2 fields"
        );
        assert_eq!(
            shown("[{'a': [1], 'b': none, 'c': 2.0}] | to_csv(';', header=false)"),
            r#""[1];;2\n""#
        );
        assert_eq!(
            shown("[[1, 'a\"b'], [2]] | to_csv"),
            r#""1,\"a\"\"b\"\n2\n""#
        );
        assert_eq!(
            shown("[[1], {'a': 1}] | to_csv"),
            "template.type at `[[1], {'a': 1}] | to_csv`: the filter `to_csv` takes rows of one kind, maps or lists, not a list"
        );
        assert_eq!(
            shown("[{'a': secrets.TOKEN}] | to_csv").split(':').next(),
            Some("template.secret at `[{'a'")
        );
        assert_eq!(shown("[] | to_csv"), r#""""#);
    }
}
