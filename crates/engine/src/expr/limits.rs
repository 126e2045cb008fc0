//! What bounds a template: its length and nesting when it is read, its steps and text when it is evaluated.

use std::cell::Cell;

use super::error::Fault;
use crate::value::Value;

/// Longest expression, in characters.
pub const EXPRESSION_CHARS_MAX: usize = 2_000;
/// Longest text with templates in it, in bytes; text without any is not limited here.
pub const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// How deep brackets, signs and statements may nest.
pub const NESTING_MAX: usize = 64;
/// How deep the syntax tree of one expression may be: a chain of operators deepens it by one each.
pub const TREE_DEPTH_MAX: usize = 200;
/// How many nodes and items one evaluation may visit.
pub const FUEL: u32 = 1_000_000;
/// Longest text that a template or a filter may make, in bytes.
pub const OUTPUT_BYTES_MAX: usize = 8 << 20;
/// How much text one evaluation may make in all, intermediate texts included: this bounds its memory.
pub const OUTPUT_BYTES_TOTAL: usize = 64 << 20;
/// Most items of `range()`.
pub const RANGE_MAX: i128 = 100_000;

/// What one evaluation may still use.
#[derive(Debug)]
pub(super) struct Budget {
    fuel: Cell<u32>,
    bytes: Cell<usize>,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget {
            fuel: Cell::new(FUEL),
            bytes: Cell::new(OUTPUT_BYTES_TOTAL),
        }
    }

    /// Takes one step.
    pub(super) fn step(&self) -> Result<(), Fault> {
        self.steps(1)
    }

    /// Takes as many steps as there are items.
    pub(super) fn steps(&self, items: usize) -> Result<(), Fault> {
        let cost = u32::try_from(items).unwrap_or(u32::MAX);
        match self.fuel.get().checked_sub(cost) {
            Some(left) => {
                self.fuel.set(left);
                Ok(())
            }
            None => Err(Fault::new(
                "template.fuel",
                format!("the template takes more than {FUEL} steps"),
            )
            .help("work on large lists with `data.map` and `data.filter`, which go item by item")),
        }
    }

    /// Refuses text of this length before it is made.
    pub(super) fn text_bytes(&self, bytes: usize) -> Result<(), Fault> {
        let left = self.bytes.get().checked_sub(bytes);
        match left {
            Some(left) if bytes <= OUTPUT_BYTES_MAX => {
                self.bytes.set(left);
                Ok(())
            }
            _ => Err(Fault::new(
                "template.output_limit",
                format!("the template makes more than {OUTPUT_BYTES_MAX} bytes of text"),
            )),
        }
    }

    /// Counts a text that was made.
    pub(super) fn text(&self, text: String) -> Result<Value, Fault> {
        self.text_bytes(text.len())?;
        Ok(Value::from(text))
    }
}
