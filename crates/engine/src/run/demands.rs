//! What a step, or the run itself, must ask for before it goes.

use std::sync::Arc;

use super::Failure;
use super::evaluate::What;
use super::machine::Run;
use super::node::NodeId;
use crate::admission::{Claim, Demand, Key, Kind, Most};
use crate::duration::Millis;
use crate::expr::Scope;
use crate::value::{Hash, Value};
use crate::workflow::Does;

impl Run {
    /// What the run asks for; `None` while that is evaluated.
    pub(super) fn own_demand(&mut self) -> Option<Result<Demand, Failure>> {
        let workflow = self.workflow.clone();
        let bound = workflow.concurrency.as_ref()?;
        let group = match self.control_of_run(What::Concurrency)? {
            Ok(group) => text_of(&group, &workflow.name),
            Err(failure) => return Some(Err(failure)),
        };
        let mut claims = vec![of_group(Kind::Runs, group, bound.max)];
        claims.retain(|claim| !self.places.within.contains(&claim.key));
        Some(Ok(Demand {
            claims,
            priority: workflow.priority,
            when_full: bound.when_full,
        }))
    }

    /// What a node asks for; `None` while that is evaluated. What is held around it is not asked for again.
    pub(super) fn demand(&mut self, id: NodeId) -> Option<Result<Demand, Failure>> {
        let workflow = self.workflow.clone();
        let shape = &workflow.steps[self.nodes[id].step];
        let mut demand = Demand {
            priority: workflow.priority,
            ..Demand::default()
        };
        if let Some(bound) = &shape.concurrency {
            let own = format!("{}/{}", workflow.name, shape.name);
            match self.control(id, What::Concurrency)? {
                Ok(group) => {
                    let group = text_of(&group, &own);
                    demand.claims.push(of_group(Kind::Steps, group, bound.max));
                }
                Err(failure) => return Some(Err(failure)),
            }
            // What was tried once has begun: it waits for its next try.
            if self.nodes[id].attempt.is_none() {
                demand.when_full = bound.when_full;
            }
        }
        if let Does::Call(call) = &shape.does {
            let claims = self.of_connection(&call.call.connection);
            demand.claims.extend(claims);
        }
        let held = self.held_by(id);
        demand.claims.retain(|claim| !held.contains(&claim.key));
        Some(Ok(demand))
    }

    /// What a connection asks for: its `limits`, and to wait as long as its service takes no more.
    fn of_connection(&mut self, name: &Arc<str>) -> Vec<Claim> {
        let workflow = self.workflow.clone();
        let Some(connection) = workflow.connections.get(name) else {
            return Vec::new();
        };
        if connection.limits.is_none() && !connection.rated {
            return Vec::new();
        }
        let known = self.places.connections.get(name).cloned();
        let text = known.unwrap_or_else(|| {
            // The same service with the same key, whatever its name in a file.
            let values = self.values_of_run(What::Vars);
            let scope = Scope::new(&values);
            let settings = connection.settings.render(&scope, &workflow.source);
            let own = match &settings {
                Ok(settings) => {
                    let identity = connection.identity.iter();
                    identity.map(|name| (name, settings.get(name))).collect()
                }
                Err(_) => vec![(name, None)],
            };
            let (connector, sandbox) = (&connection.connector, self.started.sandbox);
            let all = format!("{connector}\n{sandbox}\n{own:?}");
            Hash::of(all.as_bytes()).to_string().into()
        });
        self.places.connections.insert(name.clone(), text.clone());
        let limits = connection.limits.unwrap_or_default();
        let claim = |kind, most| Claim {
            key: Key {
                kind,
                text: text.clone(),
            },
            most,
            name: format!("the limits of connection `{name}`").into(),
        };
        let mut claims = vec![claim(Kind::Calls, Most::Places(limits.parallel))];
        if let Some(amount) = limits.per_second {
            claims.push(claim(
                Kind::PerSecond,
                Most::starts(amount, Millis::seconds(1)),
            ));
        }
        if let Some(amount) = limits.per_minute {
            claims.push(claim(
                Kind::PerMinute,
                Most::starts(amount, Millis::seconds(60)),
            ));
        }
        claims
    }
}

fn of_group(kind: Kind, group: Arc<str>, max: u32) -> Claim {
    Claim {
        name: format!("group `{group}`").into(),
        key: Key { kind, text: group },
        most: Most::Places(Some(max)),
    }
}

/// The text of a group; its own name if it has none.
fn text_of(group: &Value, own: &str) -> Arc<str> {
    match group.as_str() {
        Some(text) => text.into(),
        None if group.is_null() => own.into(),
        None => group
            .to_json()
            .unwrap_or_else(|_| group.kind().to_owned())
            .into(),
    }
}
