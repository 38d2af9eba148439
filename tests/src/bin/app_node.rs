//! The application node of the contract tests: starts a node with the settings of its first
//! argument, and does what it is asked on standard input until SIGTERM.

use std::process::ExitCode;
use std::sync::Arc;

use litefs_diesel_tests::app::serve;
use litefs_diesel_tests::contract::{App, NodeSettings, commands};

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let settings = std::env::args().nth(1).ok_or("the first argument is the settings, as JSON")?;
    let settings: NodeSettings = serde_json::from_str(&settings)?;
    let app = Arc::new(App::start(settings).await?);
    let node = app.node.clone();
    serve(app, commands(), ()).await?;
    Ok(node.shutdown().await?)
}
