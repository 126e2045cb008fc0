//! The operations of the suite.

use std::sync::Arc;

use flow_engine::catalog::{
    Adopt, Catalog, Connector, Edge, Effect, EngineAction, Level, Look, News, Operation,
    OperationKind, OutputType, Signal,
};
use flow_engine::collections::IndexMap;
use flow_engine::duration::Millis;
use flow_engine::types::Type;

fn operation(kind: OperationKind, effect: Effect, look: Option<Look>) -> Operation {
    Operation {
        kind,
        title: "".into(),
        description: "".into(),
        effect,
        method: "".into(),
        path: "".into(),
        parameters: IndexMap::default(),
        open: true,
        output: OutputType::Fixed(Type::Unknown),
        look,
        engine: None,
        served_by: None,
        compound: None,
        adopt: None,
        priced: false,
    }
}

/// What it makes is found again.
fn made() -> Operation {
    let adopt = Adopt {
        what: "svc.make".into(),
        id: "id".into(),
        settle: Millis::seconds(5),
        wait: Millis::seconds(3600),
    };
    Operation {
        adopt: Some(Arc::new(adopt)),
        ..operation(OperationKind::Action, Effect::Once, None)
    }
}

/// `svc.read`, `svc.list`, `svc.busy` (queries), `svc.note` (repeatable), `svc.put` (keyed), `svc.act` (once), `svc.make` (once, and found again), `svc.done` (a level), `svc.new`
/// (an edge), `time.after`, and `flow.fail`, `flow.stop`, `flow.emit`, `flow.approval`, `flow.event`.
pub fn catalog() -> Catalog {
    let every = Millis::seconds(10);
    let level = Level {
        query: "read".into(),
        condition: "item.done".into(),
        every,
    };
    let edge = Edge {
        query: "list".into(),
        key: "id".into(),
        news: News::Appeared,
        every,
    };
    let svc = [
        ("read", operation(OperationKind::Query, Effect::Read, None)),
        ("list", operation(OperationKind::Query, Effect::Read, None)),
        ("busy", operation(OperationKind::Query, Effect::Read, None)),
        (
            "note",
            operation(OperationKind::Action, Effect::Repeatable, None),
        ),
        ("put", operation(OperationKind::Action, Effect::Keyed, None)),
        ("act", operation(OperationKind::Action, Effect::Once, None)),
        ("make", made()),
        (
            "done",
            operation(
                OperationKind::Trigger,
                Effect::Read,
                Some(Look::Level(level)),
            ),
        ),
        (
            "new",
            operation(OperationKind::Trigger, Effect::Read, Some(Look::Edge(edge))),
        ),
    ];
    let time = [(
        "after",
        operation(OperationKind::Trigger, Effect::Read, Some(Look::Time)),
    )];
    let own = |action| Operation {
        engine: Some(action),
        ..operation(OperationKind::Action, Effect::Read, None)
    };
    let flow = [
        ("fail", own(EngineAction::Fail)),
        ("stop", own(EngineAction::Stop)),
        ("emit", own(EngineAction::Emit)),
        (
            "approval",
            operation(
                OperationKind::Trigger,
                Effect::Read,
                Some(Look::Signal(Signal::Approval)),
            ),
        ),
        (
            "event",
            operation(
                OperationKind::Trigger,
                Effect::Read,
                Some(Look::Signal(Signal::Event)),
            ),
        ),
    ];
    let mut catalog = Catalog::default();
    for (name, operations) in [
        ("svc", svc.to_vec()),
        ("time", time.to_vec()),
        ("flow", flow.to_vec()),
    ] {
        let connector = Connector {
            name: name.into(),
            title: "".into(),
            description: "".into(),
            local: true,
            settings: IndexMap::default(),
            rated: false,
            prices: Arc::default(),
            operations: operations
                .into_iter()
                .map(|(name, operation)| (name.into(), operation))
                .collect(),
        };
        catalog.connectors.insert(name.into(), connector);
    }
    catalog
}
