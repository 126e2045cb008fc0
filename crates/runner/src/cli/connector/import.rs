//! `flow connector import`: a descriptor out of an `OpenAPI` document.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flow_connector::Connectors;
use flow_connector::openapi::{self, Imported, LeftOut, Options};
use flow_engine::source::SourceFile;
use serde_json::{Value as Json, json};

use super::super::{StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::services::descriptor_trouble;
use crate::show::diagnostics;
use crate::show::style::{BOLD, DIM, GREEN, paint};
use crate::show::values::plural;

/// The most that is read of a document; one byte more is refused.
const DOCUMENT_BYTES_MAX: u64 = (48 << 20) + 1;
/// How many places are shown for one reason, unless all are asked for.
const PLACES_SHOWN: usize = 3;

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The document; `-` for stdin.
    #[arg(value_name = "FILE")]
    document: PathBuf,
    /// Name of the connector; else by the title of the document.
    #[arg(long, value_name = "HANDLE")]
    name: Option<String>,
    /// The file to write; `connectors/HANDLE.yaml` of the project if not given, `-` for stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only operations with this tag, or with a path like this, such as `/v1/orders*`; may be given more than once.
    #[arg(long, value_name = "TAG|PATH")]
    only: Vec<String>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
    /// Show every place where something was left out.
    #[arg(long)]
    all: bool,
    /// Print what was made, and what was left out, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn import(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let source = read(&arguments.document)?;
    let options = Options {
        handle: arguments.name.clone(),
        only: arguments.only.clone(),
    };
    let imported = match openapi::import(&source, &options) {
        Ok(imported) => imported,
        Err(findings) => {
            diagnostics::print(&source, &findings);
            return Err(Trouble::said(Exit::Invalid));
        }
    };
    let handle = &imported.handle;
    let own = || {
        folders
            .project
            .join("connectors")
            .join(format!("{handle}.yaml"))
    };
    let path = arguments.out.clone().unwrap_or_else(own);
    let to_stdout = path.as_os_str() == "-";
    let shown = match path.strip_prefix(&folders.project) {
        Ok(inside) => inside.display().to_string(),
        Err(_) => path.display().to_string(),
    };
    let made = SourceFile::new(shown.as_str(), imported.text.as_str());
    let connectors = loaded(&made, arguments.name.is_some())?;
    if to_stdout {
        print(&imported.text);
    } else {
        write(&path, &imported.text, arguments.force)?;
    }
    if arguments.json && !to_stdout {
        print_json(&as_json(&imported, &source, &shown));
    } else {
        report(&imported, &source, &shown, arguments.all);
        next(&imported, &connectors);
    }
    Ok(Exit::Success)
}

fn read(path: &Path) -> Result<SourceFile, Trouble> {
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(DOCUMENT_BYTES_MAX)
            .read_to_end(&mut bytes)
    } else {
        let open = std::fs::File::open(path);
        open.and_then(|file| file.take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes))
    };
    let unreadable = |why: String| {
        let message = format!("{}: {why}", path.display());
        Trouble::new(Exit::Usage, "file.unreadable", message)
            .help("name an OpenAPI document in JSON or YAML, or `-` for stdin")
    };
    result.map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let text = text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text);
    Ok(SourceFile::new(path.display().to_string(), text))
}

/// What was made, read by the ordinary loader: nothing that it refuses is ever written.
fn loaded(made: &SourceFile, named: bool) -> Result<Connectors, Trouble> {
    Connectors::builtin()
        .with_descriptor(std::slice::from_ref(made))
        .map_err(|error| {
            if named && error.path == "handle" {
                return descriptor_trouble(&error).help("give it another name: `--name HANDLE`");
            }
            anyhow::anyhow!("the descriptor that was made cannot be read: {error}").into()
        })
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Trouble> {
    let unwritable = |error: std::io::Error| {
        let message = format!("{}: {error}", path.display());
        Trouble::new(Exit::Usage, "file.io", message)
            .help("name a file that can be written: `--out FILE`")
    };
    if path.exists() && !force {
        let message = format!("{} is there already", path.display());
        return Err(Trouble::new(Exit::Usage, "openapi.exists", message)
            .help("`--force` replaces it, with all changes that were made to it; `--out` names another file"));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    // As any file that a person makes: the umask says who may read it.
    let mode = std::fs::Permissions::from_mode(0o666);
    let file = tempfile::Builder::new()
        .permissions(mode)
        .tempfile_in(folder);
    let mut file = file.map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    let kept = if force {
        file.persist(path).map(drop).map_err(|error| error.error)
    } else {
        file.persist_noclobber(path)
            .map(drop)
            .map_err(|error| error.error)
    };
    kept.map_err(unwritable)
}

fn report(imported: &Imported, source: &SourceFile, shown: &str, all: bool) {
    let counts = [
        plural(imported.operations as u64, "operation"),
        plural(imported.resources as u64, "resource"),
        plural(imported.types as u64, "type"),
    ];
    anstream::eprintln!("{} {shown}: {}", paint(GREEN, "✓"), counts.join(", "));
    if imported.left_out.is_empty() {
        return;
    }
    anstream::eprintln!("\n{}", paint(BOLD, "Left out"));
    for group in imported.left_out.chunk_by(|a, b| a.reason == b.reason) {
        anstream::eprintln!("  {:>5} {}", group.len(), group[0].reason.words());
        let limit = if all { group.len() } else { PLACES_SHOWN };
        for left in group.iter().take(limit) {
            let at = source.position(left.span.start);
            let line = format!(
                "        {}:{}:{} {}",
                source.name(),
                at.line,
                at.column,
                left.what
            );
            anstream::eprintln!("{}", paint(DIM, line));
        }
        if group.len() > limit {
            let more = format!(
                "        and {} more: `--all` shows them",
                group.len() - limit
            );
            anstream::eprintln!("{}", paint(DIM, more));
        }
    }
}

/// What to type next.
fn next(imported: &Imported, connectors: &Connectors) {
    let handle = imported.handle.as_str();
    let catalog = connectors.catalog();
    let settings = catalog
        .connector(handle)
        .map(|connector| &connector.settings);
    let needed = settings.into_iter().flat_map(|settings| settings.values());
    let needed: Vec<&str> = needed
        .filter_map(|setting| setting.secret_if(|_| None))
        .map(AsRef::as_ref)
        .collect();
    anstream::eprintln!();
    if !imported.authenticates {
        anstream::eprintln!(
            "The document names no credentials: add `auth` to the descriptor if the service asks for some."
        );
    }
    if !needed.is_empty() {
        anstream::eprintln!("Set in the environment: {}", needed.join(", "));
    }
    anstream::eprintln!(
        "`flow connectors {handle}` lists the operations, `flow connector test {handle}` tries those that only read."
    );
}

fn as_json(imported: &Imported, source: &SourceFile, shown: &str) -> Json {
    let left = |left: &LeftOut| {
        let at = source.position(left.span.start);
        json!({
            "reason": left.reason.as_str(), "what": left.what,
            "file": source.name(), "line": at.line, "column": at.column,
        })
    };
    json!({
        "file": shown,
        "handle": imported.handle,
        "operations": imported.operations,
        "resources": imported.resources,
        "types": imported.types,
        "left_out": imported.left_out.iter().map(left).collect::<Vec<_>>(),
    })
}
