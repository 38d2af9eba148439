//! The application that `examples/cluster/run` starts on two nodes of a real LiteFS.
//!
//! It takes commands on standard input, a line each, and answers on standard output, with a `.`
//! behind what went well and a `!` behind what did not. SIGTERM ends it in order.
#![allow(clippy::print_stdout, reason = "its standard output is its interface")]

mod bank;
mod commands;
mod models;
mod posts;
mod schema;
mod subdivisions;

use std::io;

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use litefs_diesel::{Config, litefs_repo};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The database of the application.
#[litefs_repo(procedures(bank::transfer))]
pub(crate) struct Repo;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Run on whichever node comes first; they are then everywhere.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("cluster/migrations");

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut lines = input_lines();

    let repo = Repo::start(Config::load()?).await?;
    let migrated = repo
        .run(|conn| {
            let run =
                conn.run_pending_migrations(MIGRATIONS).map_err(diesel::result::Error::QueryBuilderError)?;
            diesel::QueryResult::Ok(run.iter().map(ToString::to_string).collect::<Vec<_>>())
        })
        .await?;
    answer(Ok(match migrated.as_slice() {
        [] => vec!["started; no migration was pending".to_owned()],
        run => vec![format!("started; ran the migrations {}", run.join(", "))],
    }));

    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = terminate.recv() => None,
        };
        let Some(line) = line.transpose()? else { break };
        answer(commands::run(&repo, &line).await);
    }
    // Closes every file in the mount: LiteFS could not unmount otherwise.
    repo.shutdown().await?;
    Ok(())
}

fn answer(answer: commands::Answer) {
    match answer {
        Ok(lines) => println!("{}\n.", lines.join("\n")),
        Err(error) => println!("failed: {error}\n!"),
    }
}

/// Standard input, read by a thread of its own: tokio's reader would keep the process from ending
/// until the other side closes.
fn input_lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
