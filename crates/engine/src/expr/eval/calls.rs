//! The functions of expressions at work.

use super::{Evaluator, Got, Locals};
use crate::expr::error::{Eval, Fault};
use crate::expr::limits::RANGE_MAX;
use crate::expr::operators;
use crate::expr::syntax::{Call, Node};
use crate::value::Value;

impl Evaluator<'_> {
    /// One of our functions.
    pub(super) fn call<'n>(
        &'n self,
        node: &'n Node,
        call: &'n Call,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        let roots = self.scope.roots();
        Ok(match call {
            Call::Status(step) => roots
                .status(step)
                .map_or(Got::Absent(node), |status| Got::Own(Value::from(status))),
            Call::StatusIs(step, status) => {
                Got::Own(Value::Bool(roots.status(step) == Some(*status)))
            }
            Call::Error(step) => Got::Own(roots.error(step).unwrap_or_default()),
            Call::Always => Got::Own(Value::Bool(true)),
            Call::CallbackUrl(step) => roots.callback_url(step).map_or(Got::Absent(node), Got::Own),
            Call::Range(args) => {
                let mut bounds = Vec::with_capacity(3);
                for arg in args {
                    bounds.push(self.whole(arg, locals)?);
                }
                Got::Own(self.range(&bounds).map_err(|fault| fault.at(node.span))?)
            }
        })
    }

    fn range(&self, bounds: &[i64]) -> Result<Value, Fault> {
        let (start, stop, step) = match *bounds {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step, ..] => (start, stop, step),
            [] => (0, 0, 1),
        };
        if step == 0 {
            return Err(Fault::new(
                "template.type",
                "the step of `range` cannot be 0",
            ));
        }
        let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
        let count = ((stop - start + step - step.signum()) / step).max(0);
        if count > RANGE_MAX {
            let message = format!("`range` of {count} items: at most {RANGE_MAX} are made");
            return Err(Fault::new("template.range", message));
        }
        self.context
            .budget
            .steps(usize::try_from(count).unwrap_or(usize::MAX))?;
        let items = (0..count).map(|at| operators::narrow(start + at * step));
        Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
    }
}
