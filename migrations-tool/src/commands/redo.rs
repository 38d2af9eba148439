//! `redo`: reverts and runs again.

use clap::Args;
use litefs_diesel::__tool::Plan;

use super::steps::{downs, up};
use crate::carry_out::Outcome;
use crate::cli::Writing;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::select::Selection;
use crate::session::Session;

/// Revert what was applied last and run it again: one migration, in one transaction
///
/// One that does not run in a transaction (metadata.toml) keeps the others from sharing one.
#[derive(Args, Debug)]
pub(crate) struct Redo {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    how: Writing,
}

impl Redo {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut outcome = Outcome::new();
        session.each(|target| {
            let history = session.history(target)?;
            let versions = self.selection.of_applied(&history)?;
            let mut steps = downs(session, target, &history, &versions)?;
            for version in versions.iter().rev() {
                // All are on disk, or there were no steps to revert them.
                if let Some(migration) = history.migrations.get(version) {
                    steps.push(up(migration)?);
                }
            }
            let plan = Plan { steps, one_transaction: true };
            outcome.carry_out(session, target, &plan, &self.how, output)
        })?;
        Ok(outcome.finish(output))
    }
}
