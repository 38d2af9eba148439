//! What runs inside an application node, and its general commands.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use litefs_diesel::{Ack, Error, Node, Position, ReadLevel, Role, litefs_repo};
use serde_json::{Value, json};

use super::settings::NodeSettings;
use super::{migrations, outcome, releases};
use crate::app::Commands;
use crate::faults::faults_write;
use crate::faults::load::Load;
use crate::faults::probes::Opened;
use crate::faults::record::Recorder;

/// The application's repo.
#[litefs_repo(procedures(faults_write, releases::stamp))]
pub struct Repo;

/// Another, with a database of its own.
#[litefs_repo]
pub struct AuditRepo;

/// What the commands share.
pub struct App {
    /// What it was told.
    pub settings: NodeSettings,
    /// The node behind the repos.
    pub node: Node,
    /// The repo that all commands but one use.
    pub repo: Repo,
    /// When there are two.
    pub audit: Option<AuditRepo>,
    /// When the settings name a folder for it.
    pub recorder: Option<Arc<Recorder>>,
    /// The writers of the fault run.
    pub load: Load,
    /// What its probes keep open.
    pub opened: Opened,
}

impl App {
    /// Starts the node.
    ///
    /// # Errors
    /// The node's own.
    ///
    /// # Panics
    /// When there can be no record.
    pub async fn start(settings: NodeSettings) -> Result<Self, Error> {
        let record = settings.record.as_deref();
        let recorder = record.map(|folder| Recorder::begin(folder, &settings.node).expect("a record"));
        let mut config = settings.config();
        if let Some(recorder) = recorder.clone() {
            config = config.on_lost(move |lost| recorder.lost(lost));
        }
        let node = Node::start(config).await?;
        let audit = match settings.databases.contains_key("AuditRepo") {
            true => Some(AuditRepo::on(&node)?),
            false => None,
        };
        let repo = if settings.next_release { releases::next_on(&node)? } else { Repo::on(&node)? };
        if let Some(folder) = &settings.migrations {
            migrations::at_start(&repo, folder).await?;
        }
        Ok(Self { repo, audit, node, settings, recorder, load: Load::default(), opened: Opened::default() })
    }

    /// The path of the repo's database, as a URL for `establish`.
    #[must_use]
    pub fn url(&self) -> String {
        self.settings.databases["Repo"].to_string_lossy().into_owned()
    }
}

/// The commands that most tests need.
#[must_use]
pub(super) fn commands() -> Commands<App> {
    Commands::new()
        .add("ping", ping)
        .add("role", role)
        .add("execute", execute)
        .add("number", number)
        .add("position_of", position_of)
        .add("number_at", number_at)
        .add("audit_execute", audit_execute)
        .add("audit_number", audit_number)
        .add("shutdown", shutdown)
        .add("health", health)
}

/// Gives its arguments back, and the process id.
async fn ping(_app: Arc<App>, args: Value) -> Result<Value, String> {
    Ok(json!({ "pid": std::process::id(), "args": args }))
}

async fn role(app: Arc<App>, (): ()) -> Result<&'static str, String> {
    Ok(match app.repo.role() {
        Role::Primary => "primary",
        Role::Replica { .. } => "replica",
        _ => "none",
    })
}

async fn health(app: Arc<App>, (): ()) -> Result<String, String> {
    Ok(format!("{:?}", app.repo.health()))
}

/// Runs one SQL statement as a write of the repo.
async fn execute(app: Arc<App>, sql: String) -> Result<usize, Value> {
    app.repo.execute(diesel::sql_query(sql)).await.map_err(|error| outcome::of(&error))
}

/// The one number that a query named `n` gives, read here.
async fn number(app: Arc<App>, sql: String) -> Result<Option<i64>, Value> {
    let row = app.repo.one::<Number>(diesel::sql_query(sql)).await;
    row.map(|row| row.map(|row| row.n)).map_err(|error| outcome::of(&error))
}

/// Runs a statement and returns as soon as it is committed, with its position as a text.
async fn position_of(app: Arc<App>, sql: String) -> Result<String, Value> {
    let write = app.repo.execute(diesel::sql_query(sql)).ack(Ack::Committed).with_position().await;
    write.map(|(_, position)| position.to_string()).map_err(|error| outcome::of(&error))
}

/// The one number that a query named `n` gives, read here at that position or a later one.
async fn number_at(app: Arc<App>, (position, sql): (String, String)) -> Result<Option<i64>, Value> {
    let position: Position = position.parse().map_err(|_| json!("not a position"))?;
    let row = app.repo.one::<Number>(diesel::sql_query(sql)).at(ReadLevel::AtLeast(position)).await;
    row.map(|row| row.map(|row| row.n)).map_err(|error| outcome::of(&error))
}

async fn audit_execute(app: Arc<App>, sql: String) -> Result<(), Value> {
    let audit = app.audit.clone().ok_or("no AuditRepo")?;
    let done = audit.run(move |conn| Ok::<_, Error>(conn.batch_execute(&sql)?));
    done.await.map_err(|error| outcome::of(&error))
}

async fn audit_number(app: Arc<App>, sql: String) -> Result<Option<i64>, Value> {
    let audit = app.audit.clone().ok_or("no AuditRepo")?;
    let row = audit.one::<Number>(diesel::sql_query(sql)).await;
    row.map(|row| row.map(|row| row.n)).map_err(|error| outcome::of(&error))
}

async fn shutdown(app: Arc<App>, (): ()) -> Result<(), Value> {
    app.node.shutdown().await.map_err(|error| outcome::of(&error))
}

/// A row of one number, named `n`.
#[derive(QueryableByName)]
pub struct Number {
    /// The number.
    #[diesel(sql_type = BigInt)]
    pub n: i64,
}
