//! One token, asked for with client credentials.
//!
//! Source: RFC 6749, sections 2.3.1, 4.4 and 5.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::run::{Done, Failure};
use flow_engine::value::{Hash, Secret, SecretPart, Value, json};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::super::perform::Performer;
use super::super::settings::{Settings, refuse_clear_text};
use super::tokens::Token;
use super::{basic, opened, with};
use crate::descriptor::auth_document::ClientAuthDocument;
use crate::descriptor::operation::Answer as AnswerKind;
use crate::descriptor::service::{OauthRule, Service};
use crate::request::secrets::Opener;
use crate::request::{Body, Request, query};
use crate::response::error::shown;

/// How long an answer of a token endpoint may be.
const ANSWER_BYTES_MAX: u64 = 256 << 10;
/// How long a token is used whose endpoint does not say how long it holds.
const UNSAID_LIFETIME: Duration = Duration::from_secs(300);
/// A token is not used in this last part of its life, nor in more than the last tenth of it.
const EARLY: Duration = Duration::from_secs(30);
/// Stands for the client's name and secret in the request for a token.
const CLIENT: &str = "client id and secret";

/// What is asked for, and by whom.
pub(crate) struct Asking {
    url: String,
    client_id: SecretString,
    client_secret: SecretString,
    form: Vec<(Arc<str>, Value)>,
    client_auth: ClientAuthDocument,
}

impl Asking {
    /// What a connection's settings make of the rule.
    ///
    /// # Errors
    /// `connection.missing_setting`, `connection.insecure`; whatever opening the secrets gives.
    pub(crate) fn new(
        service: &Service,
        rule: &OauthRule,
        settings: &Settings,
        opener: &Opener,
    ) -> Result<Asking, Failure> {
        let missing = |what: &str| {
            let message = format!(
                "a connection to `{}` needs {what} for its token",
                service.handle
            );
            Failure::permanent("connection.missing_setting", message).help(format!(
                "`flow connectors {}` lists the settings",
                service.handle
            ))
        };
        let address = settings.filled(&rule.token_url);
        let address = address.as_ref().and_then(Value::as_str);
        let url = settings.joined(address.ok_or_else(|| missing("the address of the endpoint"))?);
        refuse_clear_text(&service.handle, &url)?;
        let id = settings.filled(&rule.client_id);
        let secret = settings.filled(&rule.client_secret);
        let mut form = vec![("grant_type".into(), Value::from("client_credentials"))];
        let scopes = rule
            .scopes
            .iter()
            .filter_map(|scope| settings.filled(scope));
        let scopes: Vec<String> = scopes
            .filter_map(|scope| scope.as_str().map(str::to_owned))
            .collect();
        if !scopes.is_empty() {
            form.push(("scope".into(), Value::from(scopes.join(" "))));
        }
        for (name, value) in &rule.form {
            if let Some(value) = settings.filled(value) {
                form.push((name.clone(), value));
            }
        }
        Ok(Asking {
            url,
            client_id: opened(&id.ok_or_else(|| missing("a client id"))?, opener)?,
            client_secret: opened(&secret.ok_or_else(|| missing("a client secret"))?, opener)?,
            form,
            client_auth: rule.client_auth,
        })
    }

    /// What tells one credential from another: nobody gets the token of somebody else.
    pub(crate) fn key(&self) -> Hash {
        let mut text = format!("{:?}\n{}\n", self.client_auth, self.url);
        for part in [&self.client_id, &self.client_secret] {
            let _ = write!(text, "{}:", part.expose_secret().len());
            text.push_str(part.expose_secret());
        }
        for (name, value) in &self.form {
            let _ = writeln!(text, "{name}={}", value.to_json().unwrap_or_default());
        }
        Hash::of(text.as_bytes())
    }

    fn request(&self) -> Request {
        let mut request = Request::new("POST", &*self.url);
        request
            .headers
            .push(("accept".into(), Value::from("application/json")));
        let mut form = self.form.clone();
        let client = |name: &str| Value::from(Secret::named(format!("{CLIENT}: {name}")));
        match self.client_auth {
            ClientAuthDocument::Basic => {
                let parts = vec![
                    SecretPart::Text("Basic ".into()),
                    SecretPart::Name(CLIENT.into()),
                ];
                let header = Value::from(Secret::mixed(parts));
                request.headers.push(("authorization".into(), header));
            }
            ClientAuthDocument::Post => form.extend([
                ("client_id".into(), client("id")),
                ("client_secret".into(), client("secret")),
            ]),
        }
        request.body = Body::Form(form);
        request
    }

    /// The handles of the request: in the header, both are in the form of form fields (RFC 6749, section 2.3.1).
    fn opener(&self, opener: &Opener) -> Opener {
        let field = |text: &SecretString| SecretString::from(query::encode(text.expose_secret()));
        let both = basic::encoded(&field(&self.client_id), &field(&self.client_secret));
        let handles = [
            (CLIENT.to_owned(), both),
            (format!("{CLIENT}: id"), self.client_id.clone()),
            (format!("{CLIENT}: secret"), self.client_secret.clone()),
        ];
        with(opener, handles.map(|(name, text)| (Arc::from(name), text)))
    }
}

/// Asks for a token.
///
/// # Errors
/// `connection.token` if the endpoint refuses or answers with something else; what keeps a request from being answered
/// keeps its own code. Nothing has happened to the service then.
pub(crate) async fn ask(performer: &Performer<'_>, asking: &Asking) -> Result<Token, Failure> {
    let performer = Performer {
        opener: asking.opener(&performer.opener),
        identity: None,
        ..*performer
    };
    let request = asking.request();
    let answer = performer.exchange(&request, None, AnswerKind::Json, &[]);
    let mut answer = answer.await.map_err(refused)?;
    let bytes = answer.body.whole(ANSWER_BYTES_MAX).await?;
    let said = json::parse(&bytes).unwrap_or_default();
    let text = said
        .get("access_token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let kind = said
        .get("token_type")
        .and_then(Value::as_str)
        .unwrap_or("bearer");
    if text.is_empty() || !kind.eq_ignore_ascii_case("bearer") {
        let what = if text.is_empty() {
            "no `access_token`"
        } else {
            "a token that is no bearer token"
        };
        let message = format!("the token endpoint answered with {what}");
        return Err(Failure::permanent("connection.token", message));
    }
    let seconds = said.get("expires_in").and_then(|value| match value {
        // Some services write the number as a text.
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    let lifetime = seconds.map_or(UNSAID_LIFETIME, Duration::from_secs);
    let used = lifetime.saturating_sub(EARLY.min(lifetime / 10));
    Ok(Token {
        text: SecretString::from(text),
        until: Instant::now() + used.min(Duration::from_secs(30 * 86_400)),
    })
}

/// A refusal in the words of the endpoint.
fn refused(failure: Failure) -> Failure {
    if failure.status.is_none() {
        return Failure {
            done: Done::NotDone,
            ..failure
        };
    }
    let message = failure
        .message
        .replacen("the service", "the token endpoint", 1);
    Failure {
        code: "connection.token".to_owned(),
        done: Done::NotDone,
        message: shown(&message),
        status: None,
        ..failure
    }
}
