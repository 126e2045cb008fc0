//! Expressions and templates bound to what their step sees, for operations that evaluate them item by item.

use std::sync::Arc;

use flow_engine::eval::{ItemFunction, Reads};
use flow_engine::expr::Scope;
use flow_engine::run::{Failure, Values};
use flow_engine::value::Value;
use flow_engine::workflow::{Bare, Stop, Tree, Workflow};

use crate::context::Blobs;

/// A bare expression.
pub(crate) struct BoundExpression {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) bare: Bare,
    pub(crate) values: Arc<Values>,
    pub(crate) blobs: Arc<dyn Blobs>,
}

/// A tree of templates.
pub(crate) struct BoundTemplate {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) tree: Tree,
    pub(crate) values: Arc<Values>,
    pub(crate) blobs: Arc<dyn Blobs>,
}

fn locals<'a>(item: &Value, index: u64, key: &Value) -> [(&'a str, Value); 3] {
    [
        ("item", item.clone()),
        ("index", Value::from(index)),
        ("key", key.clone()),
    ]
}

impl ItemFunction for BoundExpression {
    fn apply(&self, item: &Value, index: u64, key: &Value) -> Result<Value, Failure> {
        let reading = self.values.reading(&*self.blobs);
        let locals = locals(item, index, key);
        self.bare
            .eval(&Scope::new(&reading).with(&locals), &self.workflow.source)
            .map_err(Stop::into_failure)
    }

    fn reads(&self) -> Option<Vec<Vec<Arc<str>>>> {
        let mut reads = Reads::of("item");
        let source = &self.workflow.source;
        self.bare
            .references(source, &mut |reference, _| reads.add(reference));
        reads.known()
    }
}

impl ItemFunction for BoundTemplate {
    fn apply(&self, item: &Value, index: u64, key: &Value) -> Result<Value, Failure> {
        let reading = self.values.reading(&*self.blobs);
        let locals = locals(item, index, key);
        self.tree
            .render(&Scope::new(&reading).with(&locals), &self.workflow.source)
            .map_err(Stop::into_failure)
    }

    fn reads(&self) -> Option<Vec<Vec<Arc<str>>>> {
        if self.tree.has_statements() {
            return None;
        }
        let mut reads = Reads::of("item");
        let source = &self.workflow.source;
        self.tree
            .references(source, &mut |reference, _| reads.add(reference));
        reads.known()
    }
}
