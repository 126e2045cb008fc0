//! The HTTP client: the one file that opens a socket. It follows redirects itself, so that a credential never reaches
//! another origin and no answer chooses a private address.

pub(crate) mod address;
mod answer;
pub(crate) mod failure;
mod limits;
mod upload;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flow_backend::context::StepContext;
use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Hash, Value};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, Url};
use secrecy::ExposeSecret;

pub(crate) use answer::{Answer, AnswerBody};
pub use limits::TransportLimits;
use upload::Upload;

use crate::request::secrets::Opener;
use crate::request::{Request, query};
use crate::service::credentials::tls::{TlsIdentity, wrong};

/// Headers that may go to another origin.
const HARMLESS: [header::HeaderName; 3] =
    [header::ACCEPT, header::USER_AGENT, header::ACCEPT_LANGUAGE];

/// Sends requests. Clients are made when they are first needed: reading certificates costs time, and fails on a machine
/// that has none.
pub(crate) struct Transport {
    limits: TransportLimits,
    /// Dials what the author wrote.
    open: OnceLock<Result<Client, String>>,
    /// Dials public addresses only.
    guarded: OnceLock<Result<Client, String>>,
    /// Dial what the author wrote, with certificates of their own.
    identified: Mutex<HashMap<Hash, Client>>,
}

/// How many clients with certificates of their own are kept; beyond, all are made anew.
const IDENTIFIED_MAX: usize = 32;

/// One exchange: what is sent, and on whose behalf.
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a Request,
    /// Whose credentials the request holds: it goes there with them, elsewhere without. `None` for its own address.
    pub(crate) home: Option<&'a str>,
    pub(crate) opener: &'a Opener,
    /// The certificates of whoever is at home.
    pub(crate) identity: Option<&'a TlsIdentity>,
    pub(crate) context: &'a StepContext,
    /// Whether the answer is a stream, which has no limit on its whole time.
    pub(crate) stream: bool,
}

impl Transport {
    pub(crate) fn new(limits: TransportLimits) -> Transport {
        Transport {
            limits,
            open: OnceLock::new(),
            guarded: OnceLock::new(),
            identified: Mutex::default(),
        }
    }

    /// Sends a request, follows redirects, and gives the answer with its body still to be read.
    pub(crate) async fn exchange(&self, exchange: &Exchange<'_>) -> Result<Answer, Failure> {
        let Exchange {
            request,
            opener,
            context,
            ..
        } = exchange;
        let home = parse_url(exchange.home.unwrap_or(&request.url))?;
        let mut url = address_of(request, opener, &home)?;
        let mut method = Method::from_bytes(request.method.as_bytes()).map_err(|_| {
            Failure::permanent(
                "call.method",
                format!("`{}` is not a method", request.method),
            )
        })?;
        let headers = header_map(request, opener)?;
        let mut upload = Some(Upload::new(request, opener, context).await?);
        for _ in 0..=self.limits.redirects {
            let own = url.origin() == home.origin();
            let client = match exchange.identity.filter(|_| own) {
                Some(identity) => self.identified(identity)?,
                None => self.client_for(&url, own)?.clone(),
            };
            let mut builder = client.request(method.clone(), url.clone());
            builder = builder.headers(if own {
                headers.clone()
            } else {
                harmless(&headers)
            });
            let progress = Arc::new(AtomicU64::new(0));
            if let Some(upload) = &upload {
                builder = upload.attach(builder, &progress);
            }
            let response = self
                .first_byte(builder, exchange, upload.as_ref(), &progress)
                .await?;
            let status = response.status().as_u16();
            let location = response
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            let (Some(location), 301 | 302 | 303 | 307 | 308) = (location, status) else {
                return Answer::new(response, &self.limits, exchange);
            };
            let next = url
                .join(location)
                .map_err(|_| redirect("to an address that is none"))?;
            check_hop(&url, &next)?;
            if method != Method::GET && method != Method::HEAD {
                if status == 307 || status == 308 {
                    if next.origin() != home.origin() {
                        return Err(redirect("that would send the body to another origin"));
                    }
                } else {
                    method = Method::GET;
                    upload = None;
                }
            }
            url = next;
        }
        Err(redirect(&format!(
            "more than {} times",
            self.limits.redirects
        )))
    }

    fn client_for(&self, url: &Url, own: bool) -> Result<&Client, Failure> {
        let guarded = !own && !self.limits.private_hops;
        if guarded {
            address::check_literal(url)?;
        }
        let slot = if guarded { &self.guarded } else { &self.open };
        slot.get_or_init(|| client(|| builder(&self.limits, guarded)))
            .as_ref()
            .map_err(|message| {
                Failure::permanent(
                    "http.client",
                    format!("the HTTP client cannot be made: {message}"),
                )
            })
    }

    /// The client that shows these certificates.
    fn identified(&self, identity: &TlsIdentity) -> Result<Client, Failure> {
        let mut clients = self
            .identified
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&identity.id) {
            return Ok(client.clone());
        }
        let client = identified(&self.limits, identity)?;
        if clients.len() >= IDENTIFIED_MAX {
            clients.clear();
        }
        clients.insert(identity.id, client.clone());
        Ok(client)
    }

    /// Waits for the head of the answer; the clock runs only while nothing is sent.
    async fn first_byte(
        &self,
        builder: reqwest::RequestBuilder,
        exchange: &Exchange<'_>,
        upload: Option<&Upload>,
        progress: &AtomicU64,
    ) -> Result<reqwest::Response, Failure> {
        let limit = exchange
            .request
            .first_byte
            .unwrap_or(self.limits.first_byte);
        let sending = builder.send();
        tokio::pin!(sending);
        let mut sent = progress.load(Ordering::Relaxed);
        loop {
            tokio::select! {
                () = exchange.context.cancel.cancelled() => return Err(failure::cancelled()),
                result = &mut sending => return result.map_err(|error| {
                    upload.and_then(Upload::failure).unwrap_or_else(|| failure::of_sending(error))
                }),
                () = tokio::time::sleep(limit) => {
                    let now = progress.load(Ordering::Relaxed);
                    if now == sent {
                        return Err(failure::timeout("no answer", limit));
                    }
                    sent = now;
                }
            }
        }
    }
}

fn builder(limits: &TransportLimits, guarded: bool) -> ClientBuilder {
    let builder = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(limits.connect)
        .http1_max_headers(HEADERS_MAX)
        .pool_max_idle_per_host(64)
        .tcp_keepalive(std::time::Duration::from_secs(60));
    if guarded {
        builder.dns_resolver(Arc::new(PublicOnly))
    } else {
        builder
    }
}

fn client(builder: impl Fn() -> ClientBuilder) -> Result<Client, String> {
    builder().build().or_else(|_| {
        // No certificates on this machine (a slim container): those that Mozilla trusts.
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots = roots.filter_map(|root| reqwest::Certificate::from_der(root).ok());
        builder()
            .tls_certs_only(roots)
            .build()
            .map_err(|error| error.without_url().to_string())
    })
}

/// A client with certificates of its own.
fn identified(limits: &TransportLimits, identity: &TlsIdentity) -> Result<Client, Failure> {
    let unreadable = |what: &str| {
        wrong(&format!(
            "{what} cannot be used: it is not the PEM that is expected"
        ))
    };
    let shown = match &identity.client {
        Some(pem) => Some(
            reqwest::Identity::from_pem(pem.expose_secret().as_bytes())
                .map_err(|_| unreadable("the certificate or its private key"))?,
        ),
        None => None,
    };
    let authority = match &identity.authority {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|_| unreadable("the certificate of the authority"))?,
        None => Vec::new(),
    };
    let made = client(|| {
        let builder = builder(limits, false).tls_certs_merge(authority.clone());
        match &shown {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        }
    });
    made.map_err(|_| unreadable("the certificate, its private key or the authority"))
}

/// How many headers an answer may have.
pub(crate) const HEADERS_MAX: usize = 100;

/// Resolves names to public addresses only; a name that has none is refused.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public = address::public_of(found)?;
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// The address with its query; a key in the query is for home only.
fn address_of(request: &Request, opener: &Opener, home: &Url) -> Result<Url, Failure> {
    let mut url = parse_url(&request.url)?;
    let own = url.origin() == home.origin();
    let fields = request.query.iter();
    let fields = fields.filter(|(_, value)| own || !matches!(value, Value::Secret(_)));
    let fields: Vec<_> = fields.cloned().collect();
    if !fields.is_empty() {
        let added = query::joined(&fields, opener)?;
        let whole = match url.query() {
            Some(own) if !own.is_empty() => format!("{own}&{added}"),
            _ => added,
        };
        url.set_query(Some(&whole));
    }
    Ok(url)
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    let refused = |why: &str| {
        let shown: String = text
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect();
        Failure::permanent("http.url", format!("`{shown}` {why}"))
    };
    let url = Url::parse(text).map_err(|error| refused(&format!("is not an address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("holds a user name or a password: use a header"));
    }
    Ok(url)
}

fn check_hop(from: &Url, to: &Url) -> Result<(), Failure> {
    match (from.scheme(), to.scheme()) {
        ("https", "http") => Err(redirect("from https to http")),
        (_, "http" | "https") => Ok(()),
        (_, other) => Err(redirect(&format!("to `{other}:`"))),
    }
}

fn redirect(what: &str) -> Failure {
    let message = format!("the service redirected the request {what}");
    Failure::of(
        FailureKind::Permanent,
        Done::Unknown,
        "http.redirect",
        message,
    )
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| HARMLESS.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn header_map(request: &Request, opener: &Opener) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("flow/", env!("CARGO_PKG_VERSION"))),
    );
    if let Some(media) = request.body.media()
        && !request.has_header("content-type")
    {
        headers.insert(header::CONTENT_TYPE, header_value("content-type", &media)?);
    }
    for (name, value) in &request.headers {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            Failure::permanent(
                "call.header",
                format!("`{name}` is not the name of a header"),
            )
        })?;
        let value = match value {
            Value::Secret(secret) => {
                let mut value = header_value(name, opener.text(secret)?.expose_secret())?;
                value.set_sensitive(true);
                value
            }
            value => header_value(name, value.as_str().unwrap_or_default())?,
        };
        headers.insert(header, value);
    }
    Ok(headers)
}

fn header_value(name: &str, text: &str) -> Result<HeaderValue, Failure> {
    let visible = text
        .chars()
        .all(|letter| letter == '\t' || !letter.is_control());
    let value = visible.then(|| HeaderValue::from_str(text).ok()).flatten();
    value.ok_or_else(|| {
        let message =
            format!("the value of the header `{name}` holds a letter that headers cannot have");
        Failure::permanent("call.header", message)
    })
}
