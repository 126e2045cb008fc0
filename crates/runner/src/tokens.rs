//! Tokens of the daemon's API: who may do how much.
//!
//! A token is 256 bits of the system's randomness. The store's folder keeps its hash alone, in `tokens.json`; the first
//! `flow serve` makes a token of scope `admin` and leaves its text in `admin.token`, which only the folder's owner can read. The
//! file is read anew for every request, so that a token that is revoked is worth nothing from then on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flow_engine::value::Hash;
use flow_local::clock::now;
use flow_local::store::private_folder;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tempfile::NamedTempFile;

use crate::exit::{Exit, Trouble};

/// What every token begins with, so that one that lies around is recognised.
const PREFIX: &str = "flow_";
/// How much of it is random.
const BYTES: usize = 32;
/// How long it is after its prefix.
const LETTERS: usize = 43;
/// How many tokens a project has at most: each request is compared with all of them.
const TOKENS_MAX: usize = 1_000;
/// How long the name of a token may be.
const NAME_CHARS_MAX: usize = 64;
/// The version of the file's form.
const VERSION: u32 = 1;
/// The token that the first `flow serve` makes.
const FIRST: &str = "admin";

/// How much a token may: each scope may what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Sees everything but secrets.
    Read,
    /// Starts, cancels and resumes runs.
    Run,
    /// Pauses triggers.
    Admin,
}

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Run => "run",
            Scope::Admin => "admin",
        }
    }
}

/// A token, as far as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) created_at: String,
    /// SHA-256 of its text.
    hash: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Whether the first token was made: it is not made again when it was revoked.
    first_made: bool,
    tokens: Vec<Token>,
}

/// The tokens of a store.
pub(crate) struct Tokens {
    store: PathBuf,
}

impl Tokens {
    pub(crate) fn of(store: &Path) -> Tokens {
        Tokens {
            store: store.to_owned(),
        }
    }

    /// All of them, the oldest first.
    pub(crate) fn list(&self) -> Result<Vec<Token>, Trouble> {
        Ok(self.read()?.tokens)
    }

    /// The token with this text, if it is one of this store. How long that takes tells nothing of the text.
    pub(crate) fn find(&self, text: &str) -> Result<Option<Token>, Trouble> {
        if !is_well_formed(text) {
            return Ok(None);
        }
        let hash = hash_of(text);
        let mut found = None;
        for token in self.list()? {
            if bool::from(token.hash.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(token);
            }
        }
        Ok(found)
    }

    /// Whether a token that was found is still one of this store.
    pub(crate) fn has(&self, token: &Token) -> bool {
        let list = self.list().unwrap_or_default();
        list.iter().any(|other| other.hash == token.hash)
    }

    /// Makes a token; its hash is on disk when its text is given back.
    pub(crate) fn add(&self, name: &str, scope: Scope) -> Result<String, Trouble> {
        check(name)?;
        let _lock = self.lock()?;
        let mut kept = self.read()?;
        let tokens = &mut kept.tokens;
        if tokens.iter().any(|token| token.name == name) {
            let message = format!("there is a token `{name}` already");
            let trouble = Trouble::new(Exit::Usage, "token.name", message);
            return Err(trouble.help(format!(
                "choose another name, or end that one with `flow token revoke {name}`"
            )));
        }
        if tokens.len() >= TOKENS_MAX {
            let message = format!("a project has {TOKENS_MAX} tokens at most");
            let trouble = Trouble::new(Exit::Usage, "token.too_many", message);
            return Err(trouble.help("end some with `flow token revoke NAME`"));
        }
        let text = new_text()?;
        tokens.push(Token {
            name: name.to_owned(),
            scope,
            created_at: now().to_string(),
            hash: hash_of(&text),
        });
        self.write(&kept)?;
        Ok(text)
    }

    /// Ends a token: from here on it is worth nothing.
    pub(crate) fn revoke(&self, name: &str) -> Result<(), Trouble> {
        let _lock = self.lock()?;
        let mut kept = self.read()?;
        let tokens = &mut kept.tokens;
        let names: Vec<String> = tokens.iter().map(|token| token.name.clone()).collect();
        tokens.retain(|token| token.name != name);
        if tokens.len() == names.len() {
            let near = flow_engine::finding::nearest(name, names.iter().map(String::as_str));
            let message = format!("there is no token `{name}`");
            let trouble = Trouble::new(Exit::Usage, "token.unknown", message);
            return Err(match near {
                Some(near) => trouble.help(format!("did you mean `{near}`?")),
                None => trouble.help("`flow token list` lists them"),
            });
        }
        self.write(&kept)?;
        if name == FIRST {
            let _ = std::fs::remove_file(self.first_path());
        }
        Ok(())
    }

    /// Where the text of the first token stands, if it is still to be had there. Makes that token where it was never made:
    /// its text first, since a text without a hash opens nothing and is made anew.
    pub(crate) fn first(&self) -> Result<Option<PathBuf>, Trouble> {
        let _lock = self.lock()?;
        let path = self.first_path();
        let mut kept = self.read()?;
        let is_taken = kept.tokens.iter().any(|token| token.name == FIRST);
        if !kept.first_made && !is_taken {
            let text = new_text()?;
            self.put(&path, format!("{text}\n").as_bytes())?;
            kept.first_made = true;
            kept.tokens.push(Token {
                name: FIRST.to_owned(),
                scope: Scope::Admin,
                created_at: now().to_string(),
                hash: hash_of(&text),
            });
            self.write(&kept)?;
        }
        Ok(path.exists().then_some(path))
    }

    fn first_path(&self) -> PathBuf {
        self.store.join("admin.token")
    }

    fn path(&self) -> PathBuf {
        self.store.join("tokens.json")
    }

    fn read(&self) -> Result<Kept, Trouble> {
        let path = self.path();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Kept {
                    version: VERSION,
                    first_made: false,
                    tokens: Vec::new(),
                });
            }
            Err(error) => return Err(unusable(&path, &error)),
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| unusable(&path, &error))?;
        if kept.version != VERSION {
            return Err(unusable(&path, &"it is of another version of flow"));
        }
        Ok(kept)
    }

    fn write(&self, kept: &Kept) -> Result<(), Trouble> {
        let text = serde_json::to_vec_pretty(kept).map_err(anyhow::Error::from)?;
        self.put(&self.path(), &text)
    }

    /// Writes a file whole or not at all. It is on disk when this returns, and only the folder's owner can read it.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
        let put = || -> io::Result<()> {
            let mut file = NamedTempFile::new_in(&self.store)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(&self.store)?.sync_all()
        };
        put().map_err(|error| unusable(path, &error))
    }

    /// One process changes them at a time.
    fn lock(&self) -> Result<File, Trouble> {
        private_folder(&self.store)?;
        let path = self.store.join("tokens.lock");
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = options
            .open(&path)
            .map_err(|error| unusable(&path, &error))?;
        file.lock().map_err(|error| unusable(&path, &error))?;
        Ok(file)
    }
}

/// Whether a text has the form of a token.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let letters = text.strip_prefix(PREFIX).unwrap_or_default();
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    letters.len() == LETTERS && letters.bytes().all(fits)
}

fn new_text() -> Result<String, Trouble> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

fn hash_of(text: &str) -> String {
    Hash::of(text.as_bytes()).to_string()
}

fn check(name: &str) -> Result<(), Trouble> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    let message = "the name of a token has 1 to 64 letters, digits, `.`, `_` and `-`";
    let trouble = Trouble::new(Exit::Usage, "token.name", message);
    Err(trouble.help("name it after who uses it, such as `flow token new ci --scope run`"))
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Trouble {
    let message = format!("{}: {why}", path.display());
    Trouble::new(Exit::Unavailable, "token.file", message).help(
        "mend it, or remove `tokens.json`: all tokens end, and the next `flow serve` makes a new one",
    )
}
