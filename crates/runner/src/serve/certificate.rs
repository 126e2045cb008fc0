//! The certificate that a daemon shows. It is read anew when its files change, so that it can be renewed while all goes on.

use std::fmt::Display;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

use super::log::{Level, Log};
use crate::exit::{Exit, Trouble};

/// How often the files are looked at. They are read when they have changed, and stood still from one look to the next.
const LOOK: Duration = Duration::from_secs(2);
/// The most bytes of a file; certificates have some thousand.
const BYTES_MAX: u64 = 1024 * 1024;
/// Who may read the key besides its owner, in the mode of its file: nobody.
const OTHERS: u32 = 0o077;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Certificate {
    files: Paths,
    /// How the files looked before they were read first.
    first: Stamp,
    shown: RwLock<Arc<CertifiedKey>>,
}

#[derive(Debug)]
struct Paths {
    certificate: PathBuf,
    key: PathBuf,
}

/// How both files look from outside; one that is gone is `None`.
type Stamp = [Option<(u64, u64, i64, i64, i64)>; 2];

impl Certificate {
    /// Reads it from files in PEM.
    pub(super) fn open(certificate: PathBuf, key: PathBuf) -> Result<Arc<Certificate>, Trouble> {
        let files = Paths { certificate, key };
        let first = files.stamp();
        let read = files.read()?;
        Ok(Arc::new(Certificate {
            files,
            first,
            shown: RwLock::new(Arc::new(read)),
        }))
    }

    /// What shakes hands with those who come: TLS 1.2 and 1.3, and HTTP/1.1 in it.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, Trouble> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(anyhow::Error::from)?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Takes over what the files say whenever they change. What cannot be used changes nothing, and is said once.
    pub(super) async fn renew(self: Arc<Self>, log: Log) {
        let (mut known, mut seen) = (self.first, self.first);
        loop {
            tokio::time::sleep(LOOK).await;
            let before = std::mem::replace(&mut seen, self.files.stamp());
            if seen == known || seen != before {
                continue;
            }
            known = seen;
            match self.files.read() {
                Ok(read) => {
                    *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                    log.say(Level::Info, "serve", "shows the certificate that is new");
                }
                Err(trouble) => {
                    let help = trouble.help.map(|help| format!(" ({help})"));
                    let message = format!(
                        "the certificate that is new cannot be used, the one before it stays: [{}] {}{}",
                        trouble.code,
                        trouble.message,
                        help.unwrap_or_default()
                    );
                    log.say(Level::Error, "serve", &message);
                }
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        Some(shown.clone())
    }
}

impl Paths {
    fn stamp(&self) -> Stamp {
        let of = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            let changed = (found.mtime_nsec(), found.ctime(), found.ctime_nsec());
            let (seconds, fine, finer) = changed;
            Some((found.ino(), found.len(), seconds, fine, finer))
        };
        [of(&self.certificate), of(&self.key)]
    }

    fn read(&self) -> Result<CertifiedKey, Trouble> {
        let (bytes, _) =
            whole(&self.certificate).map_err(|error| unusable(&self.certificate, error))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let chain = chain.map_err(|error| unusable(&self.certificate, error))?;
        if chain.is_empty() {
            return Err(unusable(&self.certificate, "there is no certificate in it"));
        }
        let (bytes, found) = whole(&self.key).map_err(|error| unusable(&self.key, error))?;
        if found.mode() & OTHERS != 0 {
            return Err(readable(&self.key, found.mode()));
        }
        let key = PrivateKeyDer::from_pem_slice(&bytes);
        let key = key.map_err(|error| unusable(&self.key, format!("no private key: {error}")))?;
        let read = CertifiedKey::from_der(chain, key, &default_provider());
        read.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                unusable(&self.key, "it is not the key of the certificate")
            }
            error => unusable(&self.certificate, error),
        })
    }
}

/// The bytes of a file, and what is known of that very file.
fn whole(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok((bytes, found))
}

fn unusable(path: &Path, why: impl Display) -> Trouble {
    let message = format!("{}: {why}", path.display());
    Trouble::new(Exit::Invalid, "serve.certificate", message)
        .help("`[serve.tls]` in flow.toml names a certificate and its private key, both in PEM")
}

fn readable(path: &Path, mode: u32) -> Trouble {
    let path = path.display();
    let mode = mode & 0o777;
    let message = format!("{path}: others than its owner can read this private key ({mode:o})");
    Trouble::new(Exit::Invalid, "serve.key_readable", message).help(format!("`chmod 600 {path}`"))
}
