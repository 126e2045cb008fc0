//! Serves a sandbox until killed: `cargo run -p flow-sandbox --example serve -- PORT STATE_FOLDER`.

use std::error::Error;

use flow_sandbox::{Config, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(state)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve PORT STATE_FOLDER".into());
    };
    let mut config = Config::new(state);
    config.port = port.parse()?;
    let sandbox = Sandbox::start(config).await?;
    println!("{}", sandbox.base_url());
    std::future::pending().await
}
