//! The arguments, as clap reads them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::commands;

/// Runs the Diesel migrations of a litefs-diesel application: once, on the primary, from any node.
///
/// Settings come from litefs-diesel.toml and the environment, as for the application. Names of
/// Diesel's and of Ecto's commands both work.
#[derive(Debug, Parser)]
#[command(name = "litefs-migrate", bin_name = "litefs-migrate", version)]
#[command(
    after_help = "Exit codes: 0 done, 1 an error, 2 wrong arguments, 3 something is pending (pending --check), \
                        4 done, but not everywhere yet."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "For every command")]
pub(crate) struct Common {
    /// This repo only; may be given several times (otherwise all that are set)
    #[arg(short, long = "repo", value_name = "REPO", global = true)]
    pub(crate) repos: Vec<String>,
    /// Where the migrations are; may be given several times (otherwise MIGRATION_DIRECTORY, the repo's
    /// `priv`, diesel.toml, priv/NAME/migrations)
    #[arg(long, visible_alias = "migration-dir", value_name = "FOLDER", global = true)]
    pub(crate) migrations_path: Vec<PathBuf>,
    /// The database, instead of the one in the settings; for one repo
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) database_url: Option<String>,
    /// Say only what was asked for and what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What every command takes that writes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How")]
pub(crate) struct Writing {
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show the SQL of each migration
    #[arg(long)]
    pub(crate) log_migrations_sql: bool,
    /// How long to wait for each of: a leader, another tool, a lock, the other nodes. From a replica also
    /// the time for all of it: until the primary's application is there and has run everything
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Wait until every node of `cluster.nodes` has the new schema, not only this one (else exit with 4)
    #[arg(long)]
    pub(crate) wait_all: bool,
    /// Fail instead of changing a file of `print_schema` in diesel.toml
    #[arg(long)]
    pub(crate) locked_schema: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write 30s, 500ms or 2m"))
}

/// A file a command, in `commands`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(visible_alias = "migrate")]
    Run(commands::run::Run),
    #[command(visible_alias = "rollback")]
    Revert(commands::revert::Revert),
    Redo(commands::redo::Redo),
    #[command(visible_aliases = ["migrations", "status"])]
    List(commands::list::List),
    Pending(commands::pending::Pending),
    #[command(visible_alias = "gen")]
    Generate(commands::generate::Generate),
    Path(commands::path::Path),
    Dump(commands::dump::Dump),
    Load(commands::load::Load),
}
