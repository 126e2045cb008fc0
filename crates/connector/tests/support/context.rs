//! A project folder, a blob store and secrets, all temporary.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use flow_backend::context::{BlobWriter, Blobs, Rest, Secrets, StepContext};
use flow_backend::meter::Meter;
use flow_backend::step::{Call, Connection, StepRunner};
use flow_connector::Connectors;
use flow_engine::collections::IndexMap;
use flow_engine::eval::{BlobRead, ItemFunction};
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Hash, Map, Secret, SecretPart, Value, json};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A place to perform calls in.
pub(crate) struct Bench {
    pub(crate) connectors: Connectors,
    pub(crate) context: StepContext,
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(Connectors::builtin())
    }

    pub(crate) fn with(connectors: Connectors) -> Bench {
        let folder = TempDir::new().expect("a temporary folder");
        let project = folder.path().join("project");
        fs::create_dir(&project).expect("the folder is new");
        fs::create_dir(folder.path().join("blobs")).expect("the folder is new");
        let names = [
            ("ANTHROPIC_API_KEY", "sk-test"),
            ("NOTES_API_KEY", "notes-key"),
            ("TOKEN", "hush hush"),
            ("SHOP_PASSWORD", "open sesame"),
            ("SHOP_CLIENT_SECRET", "s3cret/+&"),
            ("CLIENT_KEY", include_str!("../tls/client.key")),
            ("CLIENT_CERTIFICATE", include_str!("../tls/client.pem")),
        ];
        let context = StepContext {
            blobs: Arc::new(Store(folder.path().join("blobs"))),
            secrets: Arc::new(Known(names.into_iter().collect())),
            cancel: CancellationToken::new(),
            project: Arc::new(project),
            run: "run".into(),
            step: "step".into(),
            rest: Rest::default(),
            meter: Meter::default(),
        };
        Bench {
            connectors,
            context,
            folder,
        }
    }

    /// Path in the project folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.context.project.join(name)
    }

    /// The folder around the project.
    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    pub(crate) fn call(operation: &str, settings: Value, arguments: Value) -> Call {
        let (connector, operation) = operation.split_once('.').expect("connector.operation");
        let map = |value: Value| value.as_map().cloned().unwrap_or_default();
        Call {
            connection: Arc::new(Connection {
                name: connector.into(),
                connector: connector.into(),
                settings: map(settings),
                prices: Arc::default(),
            }),
            operation: operation.into(),
            arguments: map(arguments),
            functions: IndexMap::default(),
            pages: None,
            with_response: false,
            repeated: false,
            key: "key-1".into(),
        }
    }

    /// Performs a call; settings and arguments are JSON.
    pub(crate) async fn perform(
        &self,
        operation: &str,
        settings: &str,
        arguments: &str,
    ) -> Result<Value, Failure> {
        let read = |text: &str| json::parse(text.as_bytes()).expect("JSON");
        self.run(&Bench::call(operation, read(settings), read(arguments)))
            .await
    }

    /// Performs a local operation with values and functions.
    pub(crate) async fn local(
        &self,
        operation: &str,
        arguments: impl IntoIterator<Item = (&'static str, Value)>,
        functions: impl IntoIterator<Item = (&'static str, Arc<dyn ItemFunction>)>,
    ) -> Result<Value, Failure> {
        let mut call = Bench::call(operation, Value::Null, Value::map(arguments));
        call.functions = functions
            .into_iter()
            .map(|(name, function)| (name.into(), function))
            .collect();
        self.run(&call).await
    }

    pub(crate) async fn run(&self, call: &Call) -> Result<Value, Failure> {
        self.connectors.perform(call, &self.context).await
    }

    /// Both halves, the prepared request through its written form.
    pub(crate) async fn in_halves(&self, call: &Call) -> Result<Value, Failure> {
        let prepared = self.connectors.prepare(call, &self.context).await?;
        let written = serde_json::to_string(&prepared).expect("it can be journaled");
        let prepared = serde_json::from_str(&written).expect("it was just written");
        let mut empty = call.clone();
        empty.arguments = Map::new();
        empty.functions = IndexMap::default();
        self.connectors.send(&empty, &prepared, &self.context).await
    }

    /// Stores bytes.
    pub(crate) fn blob(&self, bytes: &[u8], media: &str) -> Blob {
        let mut writer = self.context.blobs.create().expect("a blob");
        writer.write_all(bytes).expect("bytes");
        writer.finish(media).expect("a blob")
    }
}

/// The content of a stored value.
pub(crate) fn content(bench: &Bench, value: &Value) -> String {
    let blob = value.as_blob().expect("a stored value");
    let mut text = String::new();
    let mut reader = bench
        .context
        .blobs
        .open(blob.hash)
        .expect("the blob is there");
    reader.read_to_string(&mut text).expect("text");
    text
}

struct Known(HashMap<&'static str, &'static str>);

impl Secrets for Known {
    fn open(&self, secret: &Secret) -> Result<SecretString, Failure> {
        let part = |part: &SecretPart| match part {
            SecretPart::Text(text) => Ok(text.to_string()),
            SecretPart::Name(name) => self
                .0
                .get(&**name)
                .map(|text| (*text).to_owned())
                .ok_or_else(|| Failure::permanent("secret.missing", name.to_string())),
        };
        Ok(SecretString::from(
            secret
                .parts()
                .iter()
                .map(part)
                .collect::<Result<String, _>>()?,
        ))
    }
}

struct Store(PathBuf);

impl BlobRead for Store {
    fn open(&self, hash: Hash) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.0.join(hash.to_string()))?))
    }
}

impl Blobs for Store {
    fn create(&self) -> io::Result<Box<dyn BlobWriter>> {
        Ok(Box::new(Writer {
            folder: self.0.clone(),
            bytes: Vec::new(),
        }))
    }
}

struct Writer {
    folder: PathBuf,
    bytes: Vec<u8>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writer {
    fn finish(self: Box<Self>, media: &str) -> io::Result<Blob> {
        let hash = Hash::of(&self.bytes);
        fs::write(self.folder.join(hash.to_string()), &self.bytes)?;
        Ok(Blob::new(hash, self.bytes.len() as u64, media))
    }
}
