//! The application node of the contract tests: does what it is asked on standard input.

use std::sync::Arc;

use litefs_diesel_tests::app::{Commands, serve};
use serde_json::{Value, json};

/// What the commands share.
struct App {}

/// What a test can ask for.
fn commands() -> Commands<App> {
    Commands::new().add("ping", ping)
}

/// Gives its arguments back, and the process id.
async fn ping(_app: Arc<App>, args: Value) -> Result<Value, String> {
    Ok(json!({ "pid": std::process::id(), "args": args }))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let app = Arc::new(App {});
    serve(app, commands(), ()).await
}
