//! The binary `flow`.
fn main() {}
