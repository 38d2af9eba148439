//! The application node of the contract tests: starts a node with the settings of its first
//! argument, and does what it is asked on standard input until SIGTERM.

use std::process::ExitCode;
use std::sync::Arc;

use litefs_diesel_tests::app::serve;
use litefs_diesel_tests::contract::{App, NodeSettings, commands};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

#[tokio::main]
async fn main() -> ExitCode {
    let run = async {
        let settings = std::env::args().nth(1).ok_or("the first argument is the settings, as JSON")?;
        let settings: NodeSettings = serde_json::from_str(&settings)?;
        log(settings.log.as_deref());
        run(settings).await
    };
    match run.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The end of the log is what a test gets to see of it.
            log(None);
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error from now on, if nothing does yet.
fn log(filter: Option<&str>) {
    let spans = if filter.is_some() { FmtSpan::FULL } else { FmtSpan::NONE };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter.unwrap_or("error")))
        .with_span_events(spans)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .try_init();
}

async fn run(settings: NodeSettings) -> Result<(), Box<dyn std::error::Error>> {
    let app = Arc::new(App::start(settings).await?);
    let node = app.node.clone();
    serve(app, commands(), ()).await?;
    Ok(node.shutdown().await?)
}
