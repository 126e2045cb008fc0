//! All connectors there are: what the engine's catalog lists, and what performs it.

use std::collections::HashMap;
use std::sync::Arc;

use flow_backend::adopt::Records;
use flow_backend::context::StepContext;
use flow_backend::step::{Call, StepRunner};
use flow_engine::catalog::{Catalog, Connector};
use flow_engine::collections::IndexMap;
use flow_engine::eval;
use flow_engine::money::Estimate;
use flow_engine::run::{Failure, Found, Prepared};
use flow_engine::source::{SourceFile, Span};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::blocking::blocking;
use crate::builtin;
use crate::descriptor::operation::{Operation, Wire};
use crate::descriptor::resource::{FieldDocument, SelectorPart};
use crate::descriptor::service::{ErrorRules, Service, TlsRule};
use crate::descriptor::{DescriptorError, load};
use crate::local::{self, Local};
use crate::processes::Ledger;
use crate::request::build::{Built, build};
use crate::request::secrets::Opener;
use crate::request::{Body, Request};
use crate::response::structured::Promise;
use crate::service::adopt::Search;
use crate::service::credentials::{self, Asking, Tokens, ask, tls};
use crate::service::perform::{Performer, Reading};
use crate::service::settings::{Override, Settings};
use crate::service::usage;
use crate::transport::{Transport, TransportLimits};

/// The connectors of a process: services by their descriptors, and the local ones.
pub struct Connectors {
    services: IndexMap<Arc<str>, Arc<Service>>,
    local: IndexMap<Arc<str>, Arc<Connector>>,
    aliases: IndexMap<Arc<str>, Arc<str>>,
    overrides: HashMap<Arc<str>, Override>,
    keys: Arc<HashMap<Arc<str>, SecretString>>,
    transport: Transport,
    tokens: Tokens,
    limits: TransportLimits,
    /// How errors are read where no descriptor says so.
    plain_errors: ErrorRules,
    /// Local connectors know no groups of rate-limit headers.
    no_rates: IndexMap<Arc<str>, Arc<str>>,
    notes: Vec<String>,
    ledger: Option<Arc<Ledger>>,
}

impl Connectors {
    /// Those that come with `flow`.
    ///
    /// # Panics
    /// If a descriptor that comes with `flow` is malformed: a test loads them all.
    pub fn builtin() -> Connectors {
        let local = builtin::local_connectors().expect("a test loads the local connectors");
        let limits = TransportLimits::default();
        let mut connectors = Connectors {
            services: IndexMap::default(),
            local: local
                .into_iter()
                .map(|entry| (entry.name.clone(), Arc::new(entry)))
                .collect(),
            aliases: IndexMap::default(),
            overrides: HashMap::new(),
            keys: Arc::default(),
            transport: Transport::new(limits.clone()),
            tokens: Tokens::default(),
            limits,
            plain_errors: ErrorRules::default(),
            no_rates: IndexMap::default(),
            notes: Vec::new(),
            ledger: None,
        };
        for service in builtin::services().expect("a test loads the built-in descriptors") {
            connectors.insert(service);
        }
        connectors
    }

    /// Adds a connector of the user's: one document, or a service document and a list of resources. It takes the place
    /// of one of the same handle, with a note, and takes over its aliases and default secrets where it has none.
    ///
    /// # Errors
    /// What is wrong with the descriptor, and where. A local connector's name cannot be taken.
    pub fn with_descriptor(
        mut self,
        sources: &[SourceFile],
    ) -> Result<Connectors, DescriptorError> {
        let mut service = load(sources)?;
        if self.local.contains_key(&service.handle) {
            let file = sources
                .first()
                .map(|source| source.name().to_owned())
                .unwrap_or_default();
            return Err(DescriptorError {
                code: "descriptor.reference",
                file,
                path: "handle".to_owned(),
                at: None,
                span: Span::default(),
                message: format!("`{}` is a local connector", service.handle),
            });
        }
        if let Some(hidden) = self.services.get(&service.handle) {
            for (name, rule) in &mut service.settings {
                if let Some(known) = hidden.settings.get(name)
                    && known.default_secret.is_some()
                    && rule.secret
                {
                    rule.default_secret.clone_from(&known.default_secret);
                }
            }
            let from = sources
                .iter()
                .map(SourceFile::name)
                .collect::<Vec<_>>()
                .join(", ");
            self.notes.push(format!(
                "the connector `{}` of {from} is used instead of the built-in one",
                service.handle
            ));
        }
        self.insert(service);
        Ok(self)
    }

    /// Sends every call of a connector to this address with this key, whatever its connections say: for a sandbox.
    #[must_use]
    pub fn with_override(
        mut self,
        connector: &str,
        base_url: impl Into<Arc<str>>,
        api_key: SecretString,
    ) -> Connectors {
        let name = self
            .aliases
            .get(connector)
            .cloned()
            .unwrap_or_else(|| connector.into());
        // No secret can have this name: it is no identifier.
        let handle: Arc<str> = format!("key of {name}").into();
        let mut keys = (*self.keys).clone();
        keys.insert(handle.clone(), api_key);
        self.keys = Arc::new(keys);
        self.overrides.insert(
            name,
            Override {
                base_url: base_url.into(),
                handle,
            },
        );
        self
    }

    /// Sets the limits of the HTTP client.
    #[must_use]
    pub fn with_limits(mut self, limits: TransportLimits) -> Connectors {
        self.transport = Transport::new(limits.clone());
        self.limits = limits;
        self
    }

    /// Notes down which commands run, so that none outlives this process unseen.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Arc<Ledger>) -> Connectors {
        self.ledger = Some(ledger);
        self
    }

    /// What should be said about the connectors that were loaded, in order.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The service of this handle or alias.
    pub fn service(&self, name: &str) -> Option<&Service> {
        let name = self.aliases.get(name).map_or(name, |handle| handle);
        self.services.get(name).map(AsRef::as_ref)
    }

    /// What `trigger` means in a run that a delivered event starts: the fields that the descriptor names, each by its
    /// selector (null where the body has no such place); the body as it came if it names none.
    pub fn delivered(&self, connector: &str, event: &str, body: &Value) -> Value {
        let operation = self
            .service(connector)
            .and_then(|service| service.operations.get(event));
        let fields = operation.map_or(&[][..], |operation| &operation.payload);
        if fields.is_empty() {
            return body.clone();
        }
        let value = |field: &FieldDocument| {
            let found = field
                .selector
                .iter()
                .try_fold(body, |value, part| match part {
                    SelectorPart::Key(key) => value.get(key),
                    SelectorPart::Index(index) => value.as_list()?.get(*index),
                });
            found.cloned().unwrap_or(Value::Null)
        };
        Value::map(fields.iter().map(|field| (&*field.name, value(field))))
    }

    /// What the engine is to know of them.
    pub fn catalog(&self) -> Catalog {
        let mut catalog = Catalog {
            aliases: self.aliases.clone(),
            ..Catalog::default()
        };
        for (name, service) in &self.services {
            catalog.connectors.insert(name.clone(), service.entry());
        }
        for (name, entry) in &self.local {
            catalog.connectors.insert(name.clone(), (**entry).clone());
        }
        catalog
    }

    fn insert(&mut self, service: Service) {
        for alias in &service.aliases {
            self.aliases.insert(alias.clone(), service.handle.clone());
        }
        self.services
            .insert(service.handle.clone(), Arc::new(service));
    }

    /// What a call is to: a local operation, or one of a service.
    fn target(&self, call: &Call) -> Result<Target, Failure> {
        let name = &call.connection.connector;
        let name = self.aliases.get(name).unwrap_or(name);
        let unknown = |what: &str| {
            Failure::permanent("call.unknown_operation", format!("there is no {what}"))
        };
        if let Some(entry) = self.local.get(name) {
            let operation = entry.operations.contains_key(&call.operation);
            let local = Local::named(name).filter(|_| operation);
            return local
                .map(|local| Target::Local(local, entry.clone()))
                .ok_or_else(|| unknown(&format!("operation `{name}.{}`", call.operation)));
        }
        let service = self
            .services
            .get(name)
            .ok_or_else(|| unknown(&format!("connector `{name}`")))?;
        if service
            .operations
            .get(&call.operation)
            .and_then(|operation| operation.wire.as_ref())
            .is_none()
        {
            return Err(unknown(&format!("operation `{name}.{}`", call.operation)));
        }
        Ok(Target::Service(service.clone()))
    }

    async fn built(
        &self,
        service: &Arc<Service>,
        call: &Call,
        context: &StepContext,
    ) -> Result<Built, Failure> {
        let settings = self.settings(service, call)?;
        let (service, operation) = (service.clone(), call.operation.clone());
        let (arguments, context) = (call.arguments.clone(), context.clone());
        blocking(move || {
            let (operation, wire) = wire_of(&service, &operation)?;
            build(&service, operation, wire, &settings, &arguments, &context)
        })
        .await
    }

    fn settings(&self, service: &Service, call: &Call) -> Result<Settings, Failure> {
        let sandbox = self.overrides.get(&service.handle);
        Settings::resolve(service, &call.connection.settings, sandbox)
    }

    async fn send_request(
        &self,
        service: &Arc<Service>,
        call: &Call,
        request: &Request,
        context: &StepContext,
    ) -> Result<Value, Failure> {
        let (_, wire) = wire_of(service, &call.operation)?;
        let reading = Reading {
            answer: wire.answer,
            view: wire.view.clone(),
            pagination: wire.pagination.clone(),
            pages: call.pages,
            with_response: call.with_response,
            accept: Vec::new(),
            promise: promise(wire, request, context)?,
            usage: wire.usage.as_ref().and_then(|usage| {
                let (prices, meter) = (&call.connection.prices, &context.meter);
                usage::Reader::new(usage, prices, &call.arguments, meter)
            }),
        };
        let plain = self.performer(&service.errors, &service.rate_limits, context);
        let result = if service.credentials.is_empty() && service.tls == TlsRule::default() {
            plain.perform(request, &reading).await
        } else {
            self.send_with_credentials(service, call, plain, request, &reading)
                .await
        };
        match result {
            Err(failure) if call.repeated && gone(request, &failure) => Ok(Value::Null),
            result => result,
        }
    }

    /// Sends a request whose credentials are made now. A token that is refused is fetched anew, once.
    async fn send_with_credentials(
        &self,
        service: &Arc<Service>,
        call: &Call,
        plain: Performer<'_>,
        request: &Request,
        reading: &Reading,
    ) -> Result<Value, Failure> {
        let settings = self.settings(service, call)?;
        let identity = {
            let (service, settings) = (service.clone(), settings.clone());
            let (opener, context) = (plain.opener.clone(), plain.context.clone());
            blocking(move || tls::identity(&service, &settings, &opener, &context)).await?
        };
        let basic = credentials::basic_of(service, &settings, &plain.opener)?;
        let plain = Performer {
            opener: credentials::with(&plain.opener, basic),
            identity: identity.as_ref(),
            ..plain
        };
        let Some(rule) = credentials::oauth_of(service, &settings) else {
            return plain.perform(request, reading).await;
        };
        let asking = Asking::new(service, rule, &settings, &plain.opener)?;
        let key = asking.key();
        let mut worn = None;
        loop {
            let fetch = || -> BoxFuture<'_, _> { Box::pin(ask(&plain, &asking)) };
            let token = self.tokens.get(key, worn.as_ref(), fetch).await?;
            let performer = Performer {
                opener: credentials::with(&plain.opener, [credentials::token_handle(&token)]),
                ..plain
            };
            match performer.perform(request, reading).await {
                Err(failure) if failure.status == Some(401) && worn.is_none() => worn = Some(token),
                result => return result,
            }
        }
    }

    fn performer<'a>(
        &'a self,
        errors: &'a ErrorRules,
        rates: &'a IndexMap<Arc<str>, Arc<str>>,
        context: &'a StepContext,
    ) -> Performer<'a> {
        Performer {
            transport: &self.transport,
            limits: &self.limits,
            errors,
            rates,
            opener: Opener::Open {
                secrets: context.secrets.clone(),
                overrides: self.keys.clone(),
            },
            identity: None,
            context,
            ledger: self.ledger.as_ref(),
        }
    }
}

enum Target {
    Local(Local, Arc<Connector>),
    Service(Arc<Service>),
}

fn wire_of<'a>(service: &'a Service, name: &str) -> Result<(&'a Operation, &'a Wire), Failure> {
    let operation = service.operations.get(name);
    let found = operation.and_then(|operation| Some((operation, operation.wire.as_ref()?)));
    found.ok_or_else(|| {
        let message = format!("there is no operation `{}.{name}`", service.handle);
        Failure::permanent("call.unknown_operation", message)
    })
}

impl StepRunner for Connectors {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        Box::pin(async move {
            match self.target(call)? {
                Target::Local(local, entry) => local::prepare(local, &entry, call, context).await,
                Target::Service(service) => {
                    let built = self.built(&service, call, context).await?;
                    let bound = self.estimate(call, context).await?;
                    let bound = bound.map(|estimate| estimate.most).unwrap_or_default();
                    let (blobs, key) = (context.blobs.clone(), call.key.clone());
                    let work = move || built.request.prepare(&*blobs, built.count, &key);
                    let prepared = blocking(work).await?;
                    Ok(Prepared { bound, ..prepared })
                }
            }
        })
    }

    fn send<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            match self.target(call)? {
                Target::Local(local, _) => {
                    let performer = self.performer(&self.plain_errors, &self.no_rates, context);
                    local::send(local, call, prepared, context, &performer).await
                }
                Target::Service(service) => {
                    let mut request = Request::from_value(&prepared.request)?;
                    // A sandbox that was started again listens elsewhere than when the request was prepared.
                    if let Some(sandbox) = self.overrides.get(&service.handle) {
                        request.url = at_origin_of(&request.url, &sandbox.base_url);
                    }
                    self.send_request(&service, call, &request, context).await
                }
            }
        })
    }

    fn estimate<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Option<Estimate>, Failure>> {
        Box::pin(async move {
            let Target::Service(service) = self.target(call)? else {
                return Ok(None);
            };
            let (_, wire) = wire_of(&service, &call.operation)?;
            let Some(usage) = wire.usage.clone() else {
                return Ok(None);
            };
            let (prices, arguments) = (call.connection.prices.clone(), call.arguments.clone());
            let blobs = context.blobs.clone();
            blocking(move || usage::estimate(&usage, &prices, &arguments, &*blobs)).await
        })
    }

    fn look_for<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        since: Timestamp,
        records: &'a dyn Records,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Found, Failure>> {
        Box::pin(async move {
            let Target::Service(service) = self.target(call)? else {
                return Ok(Found::Unclear(
                    "nobody can look for what it made".to_owned(),
                ));
            };
            let (operation, wire) = wire_of(&service, &call.operation)?;
            let (Some(entry), Some(rule)) = (&operation.entry.adopt, &wire.adopt) else {
                return Ok(Found::Unclear(
                    "nobody can look for what it made".to_owned(),
                ));
            };
            let search = Search {
                runner: self,
                entry,
                rule,
                call,
                records,
                context,
            };
            search.look(prepared, since).await
        })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            match self.target(call)? {
                Target::Local(local, entry) => {
                    let performer = self.performer(&self.plain_errors, &self.no_rates, context);
                    local::perform(local, &entry, call, context, &performer).await
                }
                Target::Service(service) => {
                    let built = self.built(&service, call, context).await?;
                    self.send_request(&service, call, &built.request, context)
                        .await
                }
            }
        })
    }
}

/// An address with the origin of another; as it is, if either is none.
fn at_origin_of(url: &str, other: &str) -> Arc<str> {
    let (Ok(mut moved), Ok(other)) = (reqwest::Url::parse(url), reqwest::Url::parse(other)) else {
        return url.into();
    };
    let same = moved.set_scheme(other.scheme()).is_ok()
        && moved.set_host(other.host_str()).is_ok()
        && moved.set_port(other.port()).is_ok();
    if same {
        moved.as_str().into()
    } else {
        url.into()
    }
}

/// What the answer to a request is held to.
fn promise(
    wire: &Wire,
    request: &Request,
    context: &StepContext,
) -> Result<Option<Promise>, Failure> {
    let Some(rule) = &wire.structured else {
        return Ok(None);
    };
    Ok(match &request.body {
        Body::Json(Value::Blob(blob)) => Promise::of(rule, &eval::load(blob, &*context.blobs)?),
        Body::Json(value) => Promise::of(rule, value),
        _ => None,
    })
}

/// Whether a DELETE failed because there is nothing left to delete.
fn gone(request: &Request, failure: &Failure) -> bool {
    &*request.method == "DELETE" && failure.status == Some(404)
}

#[cfg(test)]
mod tests {
    use super::at_origin_of;

    #[test]
    fn a_prepared_request_follows_its_sandbox() {
        let moved = at_origin_of("http://127.0.0.1:81/v1/a%2Fb", "http://127.0.0.1:82/v1");
        assert_eq!(&*moved, "http://127.0.0.1:82/v1/a%2Fb");
        assert_eq!(&*at_origin_of("none", "http://127.0.0.1:82"), "none");
    }
}
