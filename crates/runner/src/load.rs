//! From a file to a checked workflow.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flow_engine::catalog::Catalog;
use flow_engine::document::{self, Files, resolve};
use flow_engine::finding::Finding;
use flow_engine::source::{SourceFile, Span};
use flow_engine::workflow::{self, Workflow};

use crate::exit::{Exit, Trouble};
use crate::project;

/// The most that is read of a workflow file; the parser refuses one byte more.
const FILE_BYTES_MAX: u64 = (16 << 20) + 1;

/// From which size of a text on what was made of it is freed on a thread of its own.
const FREED_ASIDE_BYTES_MIN: usize = 256 << 10;

/// What checking a file gave.
pub(crate) struct Checked {
    pub(crate) source: SourceFile,
    pub(crate) workflow: Option<Workflow>,
    pub(crate) findings: Vec<Finding>,
    /// The name that the file gives the workflow, and where.
    pub(crate) name: Option<(Arc<str>, Span)>,
    /// What is worth a word and is no finding.
    pub(crate) notes: Vec<String>,
}

impl Checked {
    /// A file of cases, which is no workflow itself.
    pub(crate) fn of_cases(source: SourceFile, findings: Vec<Finding>) -> Checked {
        Checked {
            source,
            workflow: None,
            findings,
            name: None,
            notes: Vec::new(),
        }
    }

    /// A file that has no text for us.
    fn unread(name: String, finding: Finding) -> Checked {
        Checked {
            source: SourceFile::new(name, ""),
            workflow: None,
            findings: vec![finding],
            name: None,
            notes: Vec::new(),
        }
    }
}

/// Reads a file under the name that was typed.
pub(crate) fn read(path: &Path) -> Result<Result<SourceFile, Box<Checked>>, Trouble> {
    let name = path.display().to_string();
    let bytes = std::fs::File::open(path).and_then(limited);
    match bytes {
        Ok(bytes) => Ok(decoded(name, bytes)),
        Err(error) => {
            let message = format!("{name}: {error}");
            let trouble = Trouble::new(Exit::Usage, "file.unreadable", message);
            Err(trouble
                .help("name a workflow file, such as `flow run workflows/classify-batch.yml`"))
        }
    }
}

/// Reads stdin to its end.
pub(crate) fn read_stdin() -> Result<Result<SourceFile, Box<Checked>>, Trouble> {
    match limited(std::io::stdin().lock()) {
        Ok(bytes) => Ok(decoded("-".to_owned(), bytes)),
        Err(error) => Err(Trouble::new(
            Exit::Usage,
            "file.unreadable",
            format!("stdin: {error}"),
        )),
    }
}

fn limited(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of UTF-8 without its byte-order mark. What is too large is not kept.
fn decoded(name: String, bytes: Vec<u8>) -> Result<SourceFile, Box<Checked>> {
    if bytes.len() as u64 >= FILE_BYTES_MAX {
        let message = format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20);
        let finding = Finding::error("yaml.too_large", Span::at(0), message);
        return Err(Box::new(Checked::unread(name, finding)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text
                .strip_prefix('\u{feff}')
                .map(str::to_owned)
                .unwrap_or(text);
            Ok(SourceFile::new(name, text))
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let finding = Finding::error(
                "yaml.encoding",
                Span::at(0),
                format!("the file is not UTF-8: byte {at} is out of place"),
            );
            let finding = finding.help("save it as UTF-8");
            Err(Box::new(Checked::unread(name, finding)))
        }
    }
}

/// A changed text with the byte-order mark that its file begins with, if it has one.
pub(crate) fn with_mark(path: &Path, changed: &SourceFile) -> String {
    let mut begin = [0; 3];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    let has_mark = read.is_ok() && begin == [0xEF, 0xBB, 0xBF];
    let mark = if has_mark { "\u{feff}" } else { "" };
    format!("{mark}{}", changed.text())
}

/// The files beside a workflow, on disk.
pub(crate) struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, from: &str, path: &str) -> Result<SourceFile, String> {
        let name = resolve(from, path);
        match read(Path::new(&name)) {
            Ok(Ok(source)) => Ok(source),
            Ok(Err(checked)) => Err(checked
                .findings
                .first()
                .map_or_else(String::new, |finding| finding.message.clone())),
            Err(trouble) => Err(trouble.message),
        }
    }

    fn project(&self) -> Option<SourceFile> {
        let folder = project::folder(&std::env::current_dir().ok()?);
        let path = folder.join("flow.toml");
        let text = std::fs::read_to_string(&path).ok()?;
        (!text.trim().is_empty()).then(|| SourceFile::new("flow.toml", text))
    }
}

/// Parses and checks a text, with the files that it names.
pub(crate) fn check(source: &SourceFile, catalog: &Catalog, files: &dyn Files) -> Checked {
    let (document, findings) = document::parse(source, files);
    let name = document.fields.get("name").and_then(|node| {
        let text = &node.as_scalar()?.text;
        Some((text.clone(), node.span))
    });
    let (workflow, findings) = workflow::check(&document, catalog, files, findings);
    let source = document.source.clone();
    free_aside(document, source.text().len());
    Checked {
        source,
        workflow,
        findings,
        name,
        notes: Vec::new(),
    }
}

/// Frees what is no longer needed on a thread of its own, if it is large: for ten thousand steps that takes a fifth as long
/// as checking them, and nobody waits for it.
pub(crate) fn free_aside<T: Send + 'static>(value: T, bytes: usize) {
    if bytes > FREED_ASIDE_BYTES_MIN {
        std::thread::spawn(move || drop(value));
    }
}

/// Reads, parses and checks a file.
pub(crate) fn check_file(path: &Path, catalog: &Catalog) -> Result<Checked, Trouble> {
    Ok(match read(path)? {
        Ok(source) => check(&source, catalog, &DiskFiles),
        Err(checked) => *checked,
    })
}
