//! What commands take for inputs and events.

use std::path::PathBuf;

use flow_engine::value::{Map, Value};
use flow_engine::workflow::Workflow;
use flow_engine::workflow::input::InputError;

use crate::exit::Trouble;
use crate::inputs;

#[derive(clap::Args)]
pub(super) struct Given {
    /// An input, as name=value.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    inputs: Vec<(String, String)>,
    /// A JSON or YAML file with inputs.
    #[arg(long = "inputs", value_name = "FILE")]
    inputs_file: Option<PathBuf>,
    /// A member of the trigger's event, as name=value; none is waited for then.
    #[arg(long = "event", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    event: Vec<(String, String)>,
    /// A JSON or YAML file with the trigger's event.
    #[arg(long, value_name = "FILE")]
    event_file: Option<PathBuf>,
}

impl Given {
    /// The inputs, with what is wrong and what is missing.
    pub(super) fn inputs(&self, workflow: &Workflow) -> (Map, Vec<InputError>) {
        inputs::typed(workflow, &self.inputs, self.inputs_file.as_deref())
    }

    /// The event, if one is given.
    pub(super) fn event(&self) -> Result<Option<Value>, Trouble> {
        inputs::event(&self.event, self.event_file.as_deref())
    }
}
