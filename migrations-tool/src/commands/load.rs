//! `load`: a new database from the structure that `dump` wrote.

use std::path::PathBuf;

use clap::Args;
use litefs_diesel::__tool::{self as engine, Kind, Plan, Step};

use super::dump::dump_path;
use crate::carry_out::Outcome;
use crate::cli::Writing;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::{Session, Target};
use crate::source::sql_file;
use crate::structure;

/// Make the structure of a new database from the file that `dump` wrote, in one transaction
#[derive(Args, Debug)]
pub(crate) struct Load {
    /// The file (otherwise structure.sql in the repo's `priv`)
    #[arg(short, long, value_name = "FILE")]
    dump_path: Option<PathBuf>,
    /// Also into a database that has something already
    #[arg(short, long)]
    force: bool,
    /// Do nothing where migrations were run before
    #[arg(long)]
    skip_if_loaded: bool,
    #[command(flatten)]
    how: Writing,
}

impl Load {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut outcome = Outcome::new();
        session.each(|target| {
            let steps = self.step(session, target)?.into_iter().collect();
            let plan = Plan { steps, one_transaction: false };
            outcome.carry_out(session, target, &plan, &self.how, output)
        })?;
        Ok(outcome.finish(output))
    }

    /// `None` when there is nothing to do.
    fn step(&self, session: &Session, target: &Target) -> Result<Option<Step>, Error> {
        let path = dump_path(session, target, self.dump_path.as_ref())?;
        let sql = sql_file(&path)?.ok_or_else(|| {
            Error::Structure(format!(
                "there is no {}; `litefs-migrate dump` writes it, or name another with `--dump-path`",
                path.display()
            ))
        })?;
        let database = target.database()?;
        if let Some(mut conn) = database.read()? {
            let error = |error: diesel::result::Error| Error::Read {
                database: database.file().to_owned(),
                why: engine::Cause::of(&error).to_string(),
            };
            if self.skip_if_loaded && engine::has_migrations_table(&mut conn).map_err(error)? {
                return Ok(None);
            }
            if !self.force && !structure::is_empty(&mut conn).map_err(error)? {
                return Err(Error::Structure(format!(
                    "{} has something in it already; `--force` loads all the same, `--skip-if-loaded` leaves a database \
                     that was migrated as it is",
                    database.file().display()
                )));
            }
        }
        Ok(Some(Step {
            kind: Kind::Load { if_new: self.skip_if_loaded },
            version: String::new(),
            name: path.display().to_string(),
            file: sql.file,
            sql: sql.text,
            in_transaction: true,
        }))
    }
}
