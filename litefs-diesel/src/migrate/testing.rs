//! Steps for tests, and a program's migrations.

use std::fmt;

use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result as DieselResult,
};
use diesel::sqlite::Sqlite;

use super::{Kind, Plan, Step};

pub(crate) fn step(kind: Kind, version: &str, sql: &str) -> Step {
    Step {
        kind,
        version: version.into(),
        name: format!("{version}_name"),
        file: format!("{version}_name/up.sql"),
        sql: sql.into(),
        in_transaction: true,
    }
}

pub(crate) fn up(version: &str, sql: &str) -> Step {
    step(Kind::Up, version, sql)
}

/// One that runs without a transaction.
pub(crate) fn bare(version: &str, sql: &str) -> Step {
    Step { in_transaction: false, ..up(version, sql) }
}

pub(crate) fn plan(steps: impl Into<Vec<Step>>) -> Plan {
    Plan { steps: steps.into(), one_transaction: false }
}

/// A program's migrations: each its name, and the SQL that applies it. What reverts it is written behind
/// `-- down`.
#[derive(Clone, Copy)]
pub(crate) struct Program(pub(crate) &'static [(&'static str, &'static str)]);

/// One of them.
pub(crate) struct OfProgram(Name, &'static str);

struct Name(&'static str);

struct InTransaction;

impl MigrationMetadata for InTransaction {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        self.0.split('_').next().unwrap_or_default().into()
    }
}

impl OfProgram {
    pub(crate) fn new(name: &'static str, sql: &'static str) -> Self {
        Self(Name(name), sql)
    }
}

impl Migration<Sqlite> for OfProgram {
    fn run(&self, conn: &mut dyn BoxableConnection<Sqlite>) -> DieselResult<()> {
        let up = self.1.split_once("-- down").map_or(self.1, |(up, _)| up);
        Ok(conn.batch_execute(up)?)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<Sqlite>) -> DieselResult<()> {
        let (_, down) = self.1.split_once("-- down").ok_or("there is no down.sql")?;
        Ok(conn.batch_execute(down)?)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &InTransaction
    }

    fn name(&self) -> &dyn MigrationName {
        &self.0
    }
}

impl MigrationSource<Sqlite> for Program {
    fn migrations(&self) -> DieselResult<Vec<Box<dyn Migration<Sqlite>>>> {
        Ok(self.0.iter().map(|(name, sql)| Box::new(OfProgram::new(name, sql)) as _).collect())
    }
}
