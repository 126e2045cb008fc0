//! Ways of authentication: `auth`, `tls`, and the settings with the credentials.

use std::collections::BTreeMap;

use flow_engine::yaml::Node;
use serde_json::{Map, Value as Json, json};

use super::left_out::Reason;
use super::schema::Schemas;
use super::tree::{Tree, entries, items, member, text_of};
use super::words::{sentence, snake};

/// What the service says of authentication.
#[derive(Default)]
pub(super) struct Security<'a> {
    /// The ways, the first one first: each is the schemes that are used together.
    ways: Vec<Vec<&'a str>>,
    pub(super) auth: Vec<Json>,
    pub(super) headers: Map<String, Json>,
    pub(super) tls: Option<Json>,
    pub(super) settings: Map<String, Json>,
}

/// Reads the schemes that the document and these operations ask for.
pub(super) fn security<'a>(
    schemas: &Schemas<'_, 'a>,
    root: &'a Node,
    operations: &[&'a Node],
    handle: &str,
) -> Security<'a> {
    let tree = schemas.tree;
    let known = member(root, "components").and_then(|all| tree.get(all, "securitySchemes"));
    let mut counts: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    let mut is_public = false;
    for node in std::iter::once(root).chain(operations.iter().copied()) {
        let Some(asked) = member(node, "security") else {
            continue;
        };
        is_public |= items(asked).is_empty();
        for (at, way) in items(asked).iter().enumerate() {
            let way = names(way);
            if way.is_empty() {
                is_public = true;
            } else {
                // What the document asks for first comes first.
                let weight = if std::ptr::eq(node, root) {
                    1_000_000 - at.min(1_000)
                } else {
                    1
                };
                *counts.entry(way).or_default() += weight;
            }
        }
    }
    if counts.is_empty() {
        let all = known.map_or(&[][..], entries);
        counts.extend(all.iter().take(1).map(|entry| (vec![&*entry.key], 1)));
    }
    let mut ways: Vec<(Vec<&str>, usize)> = counts.into_iter().collect();
    ways.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.len().cmp(&b.len())));
    let mut security = Security::default();
    let maker = Maker {
        schemas,
        tree,
        known,
        handle,
    };
    for (way, _) in ways {
        let made: Option<Vec<Made>> = way.iter().map(|name| maker.scheme(name)).collect();
        if let Some(made) = made {
            security.ways.push(way);
            security.auth.extend(
                made.into_iter()
                    .map(|made| json!([security.ways.len() - 1, made.into_json()])),
            );
        }
    }
    security.finish(is_public);
    security
}

impl Security<'_> {
    /// Puts the ways together: with more than one, the setting `auth` says which.
    fn finish(&mut self, is_public: bool) {
        let names: Vec<String> = self
            .ways
            .iter()
            .map(|way| snake(&way.join("_and_")))
            .collect();
        let choose = names.len() > 1 || (is_public && !names.is_empty());
        if choose {
            let mut all = names.clone();
            all.extend(is_public.then(|| "none".to_owned()));
            let about = "Which credentials are used.";
            let setting = json!({ "enum": all, "default": names[0], "description": about });
            self.settings.insert("auth".to_owned(), setting);
        }
        for pair in std::mem::take(&mut self.auth) {
            let at = pair[0]
                .as_u64()
                .and_then(|at| usize::try_from(at).ok())
                .unwrap_or(0);
            let when = choose.then(|| json!({ "auth": names[at] }));
            let made = &pair[1];
            if let Some(mut auth) = made.get("auth").cloned() {
                if let Some(when) = &when {
                    auth["when"] = when.clone();
                }
                self.auth.push(auth);
            }
            for (name, header) in made["headers"].as_object().into_iter().flatten() {
                let mut header = header.clone();
                if let Some(when) = &when {
                    header["when"] = when.clone();
                }
                self.headers.insert(name.clone(), header);
            }
            if let Some(tls) = made.get("tls") {
                self.tls = Some(tls.clone());
            }
            for (name, setting) in made["settings"].as_object().into_iter().flatten() {
                let mut setting = setting.clone();
                if let Some(when) = &when
                    && setting.get("defaultSecret").is_some()
                {
                    setting["when"] = when.clone();
                }
                // Used by two ways: needed by both.
                if self.settings.contains_key(name) {
                    setting
                        .as_object_mut()
                        .map(|setting| setting.shift_remove("when"));
                }
                self.settings.insert(name.clone(), setting);
            }
        }
    }

    /// Whether an operation cannot be called with the first way.
    pub(super) fn is_other(&self, operation: &Node) -> bool {
        let (Some(asked), Some(first)) = (member(operation, "security"), self.ways.first()) else {
            return false;
        };
        let asked = items(asked);
        !asked.is_empty()
            && !asked
                .iter()
                .any(|way| names(way) == *first || names(way).is_empty())
    }
}

fn names(way: &Node) -> Vec<&str> {
    entries(way).iter().map(|entry| &*entry.key).collect()
}

struct Maker<'m, 't, 'a> {
    schemas: &'m Schemas<'t, 'a>,
    tree: &'t Tree<'a>,
    known: Option<&'a Node>,
    handle: &'m str,
}

/// What one scheme comes to.
#[derive(Default)]
struct Made {
    auth: Option<Json>,
    headers: Map<String, Json>,
    tls: Option<Json>,
    settings: Map<String, Json>,
}

impl Made {
    fn into_json(self) -> Json {
        let mut made = json!({ "headers": self.headers, "settings": self.settings });
        if let Some(auth) = self.auth {
            made["auth"] = auth;
        }
        if let Some(tls) = self.tls {
            made["tls"] = tls;
        }
        made
    }
}

impl<'a> Maker<'_, '_, 'a> {
    /// A scheme; `None` if it is not known.
    fn scheme(&self, name: &str) -> Option<Made> {
        let node = self.known.and_then(|known| self.tree.get(known, name));
        let Some(node) = node else {
            let place = self.known.unwrap_or(self.tree.root());
            self.schemas.leave_out(Reason::Security, place, name);
            return None;
        };
        let made = match (
            text_of(node, "type"),
            text_of(node, "scheme")
                .map(str::to_ascii_lowercase)
                .as_deref(),
        ) {
            (Some("apiKey"), _) => self.api_key(node, name),
            (Some("http"), Some("bearer")) => Some(self.bearer(node)),
            (Some("http"), Some("basic")) => Some(self.basic()),
            (Some("oauth2"), _) => Some(self.oauth(node)),
            (Some("openIdConnect"), _) => {
                self.schemas.leave_out(Reason::Flow, node, name);
                Some(self.bearer(node))
            }
            (Some("mutualTLS"), _) => Some(self.certificate()),
            _ => None,
        };
        if made.is_none() {
            self.schemas.leave_out(Reason::Security, node, name);
        }
        made
    }

    fn secret(&self, name: &str, about: &str) -> Json {
        let secret = snake(&format!("{}_{name}", self.handle)).to_ascii_uppercase();
        json!({ "secret": true, "defaultSecret": secret, "description": about })
    }

    fn about(node: &Node, otherwise: &str) -> String {
        let about = text_of(node, "description").map_or_else(String::new, sentence);
        if about.is_empty() {
            otherwise.to_owned()
        } else {
            about
        }
    }

    fn api_key(&self, node: &'a Node, scheme: &str) -> Option<Made> {
        let name = text_of(node, "name")?;
        // Two keys are two settings.
        let keys = self.known.map_or(&[][..], entries).iter();
        let several = keys
            .filter(|entry| text_of(&entry.value, "type") == Some("apiKey"))
            .count()
            > 1;
        let setting = if several {
            snake(scheme)
        } else {
            "api_key".to_owned()
        };
        let hole = format!("{{{{{setting}}}}}");
        let mut made = Made::default();
        let place = match text_of(node, "in")? {
            "header" => "headerName",
            "query" => "queryName",
            "cookie" => {
                let header = json!({ "value": format!("{name}={hole}") });
                made.headers.insert("cookie".to_owned(), header);
                ""
            }
            _ => return None,
        };
        if !place.is_empty() {
            made.auth = Some(
                json!({ "method": "api_token", "params": { "apiToken": { "token": hole, place: name } } }),
            );
        }
        made.settings.insert(
            setting.clone(),
            self.secret(&setting, &Self::about(node, "The key.")),
        );
        Some(made)
    }

    fn bearer(&self, node: &Node) -> Made {
        let mut made = Made {
            auth: Some(
                json!({ "method": "bearer", "params": { "bearer": { "token": "{{token}}" } } }),
            ),
            ..Made::default()
        };
        made.settings.insert(
            "token".to_owned(),
            self.secret("token", &Self::about(node, "An access token.")),
        );
        made
    }

    fn basic(&self) -> Made {
        let params = json!({ "basic": { "username": "{{username}}", "password": "{{password}}" } });
        let mut made = Made {
            auth: Some(json!({ "method": "basic", "params": params })),
            ..Made::default()
        };
        for (name, about) in [("username", "The name."), ("password", "The password.")] {
            made.settings
                .insert(name.to_owned(), self.secret(name, about));
        }
        made
    }

    fn oauth(&self, node: &'a Node) -> Made {
        let flows = member(node, "flows");
        let flow = flows.and_then(|flows| member(flows, "clientCredentials"));
        let others = flows.map_or(&[][..], entries).iter();
        for other in others
            .filter(|entry| &*entry.key != "clientCredentials" && !entry.key.starts_with("x-"))
        {
            self.schemas
                .leave_out(Reason::Flow, &other.value, &*other.key);
        }
        let Some(url) = flow.and_then(|flow| text_of(flow, "tokenUrl")) else {
            return self.bearer(node);
        };
        let oauth = json!({
            "tokenURL": "{{token_url}}", "clientId": "{{client_id}}", "clientSecret": "{{client_secret}}",
            "scopes": ["{{scope}}"],
        });
        let mut made = Made {
            auth: Some(json!({ "method": "oauth2", "params": { "oauth2": oauth } })),
            ..Made::default()
        };
        let scopes = flow
            .and_then(|flow| member(flow, "scopes"))
            .map_or(&[][..], entries);
        let scopes: Vec<&str> = scopes
            .iter()
            .map(|entry| &*entry.key)
            .filter(|scope| !scope.contains("{{"))
            .collect();
        let mut scope = json!({ "description": "What is asked for, with blanks between." });
        if !scopes.is_empty() {
            scope["default"] = scopes.join(" ").into();
        }
        let url = json!({ "default": url, "description": "Where tokens are fetched." });
        for (name, setting) in [
            (
                "client_id",
                self.secret("client_id", "Who asks for a token."),
            ),
            (
                "client_secret",
                self.secret("client_secret", "The secret of the client."),
            ),
            ("token_url", url),
            ("scope", scope),
        ] {
            made.settings.insert(name.to_owned(), setting);
        }
        made
    }

    fn certificate(&self) -> Made {
        let mut made = Made {
            tls: Some(json!({ "certificate": "{{client_certificate}}", "key": "{{client_key}}" })),
            ..Made::default()
        };
        for (name, about) in [
            (
                "client_certificate",
                "The certificate that is shown, as PEM.",
            ),
            ("client_key", "Its private key, as PEM."),
        ] {
            made.settings
                .insert(name.to_owned(), self.secret(name, about));
        }
        made
    }
}
