//! `pending`: whether something is.

use clap::Args;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Say `true` when a migration is pending, else `false`
///
/// Reads this node's file only, and makes nothing; works on a replica without its primary.
#[derive(Args, Debug)]
pub(crate) struct Pending {
    /// Exit with 3 when something is pending
    #[arg(long)]
    check: bool,
}

impl Pending {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut any = false;
        let mut repos = Vec::new();
        session.each(|target| {
            let history = session.history(target)?;
            let names: Vec<_> = history.pending().map(|migration| migration.name.clone()).collect();
            any |= !names.is_empty();
            repos.push(json!({ "repo": target.repo.name, "pending": names }));
            Ok(())
        })?;
        match output.json {
            true => output.json(&json!({ "pending": any, "repos": repos })),
            false => output.answer(any),
        }
        Ok(if self.check && any { Exit::Pending } else { Exit::Done })
    }
}
