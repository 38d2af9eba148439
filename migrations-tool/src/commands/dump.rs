//! `dump`: the structure of the database as SQL.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use litefs_diesel::__tool as engine;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::{Session, Target};
use crate::structure;

/// Write the structure of this node's database to a file, with the versions that are applied
#[derive(Args, Debug)]
pub(crate) struct Dump {
    /// The file (otherwise structure.sql in the repo's `priv`)
    #[arg(short, long, value_name = "FILE")]
    dump_path: Option<PathBuf>,
}

impl Dump {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut repos = Vec::new();
        session.each(|target| {
            let path = dump_path(session, target, self.dump_path.as_ref())?;
            let database = target.database()?;
            let Some(mut conn) = database.read()? else {
                return Err(Error::Structure(format!(
                    "there is no database {}; `litefs-migrate run` makes it",
                    database.file().display()
                )));
            };
            let text = structure::dump(&mut conn).map_err(|error| Error::Read {
                database: database.file().to_owned(),
                why: engine::Cause::of(&error).to_string(),
            })?;
            let write_error = |why: std::io::Error| Error::Write { path: path.clone(), why: why.to_string() };
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(write_error)?;
            }
            fs::write(&path, text).map_err(write_error)?;
            output.progress(format_args!("The structure of {} is in {}", target.repo.name, path.display()));
            repos.push(json!({ "repo": target.repo.name, "path": path }));
            Ok(())
        })?;
        if output.json {
            output.json(&json!({ "repos": repos }));
        }
        Ok(Exit::Done)
    }
}

/// Where the structure of a repo is written and read.
pub(super) fn dump_path(
    session: &Session,
    target: &Target,
    given: Option<&PathBuf>,
) -> Result<PathBuf, Error> {
    match given {
        None => Ok(target.found.priv_dir.join("structure.sql")),
        Some(path) if session.targets.len() == 1 => Ok(path.clone()),
        Some(_) => Err(Error::Usage(
            "`--dump-path` is the file of one repo, and there are several; name one with `--repo`".to_owned(),
        )),
    }
}
