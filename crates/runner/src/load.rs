//! From a file to a checked workflow.

use std::io::Read;
use std::path::Path;

use flow_engine::catalog::Catalog;
use flow_engine::document::{self, Files, resolve};
use flow_engine::finding::Finding;
use flow_engine::source::{SourceFile, Span};
use flow_engine::workflow::{self, Workflow};

use crate::exit::{Exit, Trouble};

/// The most that is read of a workflow file; the parser refuses one byte more.
const FILE_BYTES_MAX: u64 = (16 << 20) + 1;

/// What checking a file gave.
pub(crate) struct Checked {
    pub(crate) source: SourceFile,
    pub(crate) workflow: Option<Workflow>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads a file under the name that was typed.
pub(crate) fn read(path: &Path) -> Result<Result<SourceFile, Checked>, Trouble> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    if let Err(error) = file {
        let trouble = Trouble::new(Exit::Usage, "file.unreadable", format!("{name}: {error}"));
        return Err(
            trouble.help("name a workflow file, such as `flow run workflows/classify-batch.yml`")
        );
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text
                .strip_prefix('\u{feff}')
                .map(str::to_owned)
                .unwrap_or(text);
            Ok(Ok(SourceFile::new(name, text)))
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let source = SourceFile::new(name, "");
            let finding = Finding::error(
                "yaml.encoding",
                Span::at(0),
                format!("the file is not UTF-8: byte {at} is out of place"),
            );
            Ok(Err(Checked {
                source,
                workflow: None,
                findings: vec![finding.help("save it as UTF-8")],
            }))
        }
    }
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
}

/// Parses and checks a text, with the files that it names.
pub(crate) fn check(source: &SourceFile, catalog: &Catalog, files: &dyn Files) -> Checked {
    let (document, findings) = document::parse(source, files);
    let (workflow, findings) = workflow::check(&document, catalog, files, findings);
    Checked {
        source: document.source,
        workflow,
        findings,
    }
}

/// Reads, parses and checks a file.
pub(crate) fn check_file(path: &Path, catalog: &Catalog) -> Result<Checked, Trouble> {
    Ok(match read(path)? {
        Ok(source) => check(&source, catalog, &DiskFiles),
        Err(checked) => checked,
    })
}
