//! The virtual world passes the suite that every driver passes.

use flow_backend::conformance::CASES;
use flow_backend::virtual_world::World;

use crate::support::{drive, shown};

#[test]
fn the_virtual_world_conforms() {
    for case in CASES {
        let workflow = case.workflow();
        let (journal, rest) = drive(&workflow, &mut World::scripted(case.script()));
        assert_eq!(
            shown(&workflow, &journal, rest),
            case.expected,
            "{}",
            case.name
        );
    }
}
