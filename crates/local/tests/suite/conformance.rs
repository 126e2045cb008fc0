//! The embedded driver makes of every case what the suite says, and its journal says the same.

use std::path::PathBuf;
use std::sync::Arc;

use flow_backend::conformance::{CASES, Case, told};
use flow_backend::context::Secrets;
use flow_backend::virtual_world::script::Scripted;
use flow_engine::bundle::Bundle;
use flow_engine::duration::Millis;
use flow_engine::journal::StartedBy;
use flow_engine::report::report;
use flow_engine::run::Failure;
use flow_engine::value::{Secret, Value};
use flow_local::driver::{Driver, Naps, Progress, Services};
use flow_local::start::{NewRun, new_id, pin, start};
use flow_local::store::Store;
use secrecy::SecretString;

struct NoSecrets;

impl Secrets for NoSecrets {
    fn open(&self, _: &Secret) -> Result<SecretString, Failure> {
        Err(Failure::permanent(
            "secret.missing",
            "the suite has no secrets",
        ))
    }
}

#[tokio::test]
async fn the_embedded_driver_conforms() {
    for case in CASES {
        let folder = tempfile::tempdir().expect("a folder");
        let found = drive(case, folder.path()).await;
        assert_eq!(found, case.expected, "{}", case.name);
    }
}

async fn drive(case: &Case, folder: &std::path::Path) -> String {
    let store = Arc::new(Store::open(folder).expect("a store"));
    let workflow = case.workflow();
    let bundle = Bundle::new(&workflow, std::collections::BTreeMap::new());
    let new = NewRun {
        run: new_id(),
        workflow: workflow.clone(),
        bundle: pin(&store, &bundle).expect("it is stored"),
        inputs: Value::map::<&str>([]),
        started_by: StartedBy::manual(),
        trigger: Value::map::<&str>([]),
        sandbox: false,
        project: None,
        retry: None,
        budget: None,
    };
    let taken = start(new, None);
    let run = taken.run.id().to_owned();
    let services = Services {
        runner: Arc::new(Scripted::new(case.script(), None)),
        blobs: store.blobs(),
        secrets: Arc::new(NoSecrets),
        project: Arc::new(PathBuf::from(".")),
    };
    // Whoever waits sleeps, however shortly.
    let naps = Naps {
        after: Millis(0),
        least: Millis(20),
    };
    let driver = Driver::start(store.clone(), None, naps);
    let mut progress = driver.add(taken, services);
    let rest = loop {
        match progress.recv().await.expect("the driver says how it ends") {
            Progress::Ended(_) => break "ended",
            Progress::Interrupted => break "interrupted",
            Progress::Event { .. } | Progress::Looking { .. } | Progress::Waits(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let reader = Store::reader(folder)
        .expect("readable")
        .expect("it is there");
    let events = reader.journal(&run).expect("a whole journal");
    let report =
        report(events.iter().map(|(at, event)| (*at, event))).expect("it begins with its start");
    let row = reader.find(&run).expect("readable").remove(0);
    let status = report
        .ended
        .as_ref()
        .map_or("interrupted", |(_, ended)| ended.status.as_str());
    assert_eq!(row.status, status, "the projection agrees with the journal");
    told(&workflow, &report, rest)
}
