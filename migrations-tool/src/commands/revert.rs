//! `revert`: undoes what was applied last.

use clap::Args;
use litefs_diesel::__tool::Plan;

use super::steps::downs;
use crate::carry_out::Outcome;
use crate::cli::Writing;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::select::Selection;
use crate::session::Session;

/// Revert what was applied last: one migration, by its down.sql
///
/// The last goes first. Nothing is reverted when one of them is not on disk or has no down.sql.
#[derive(Args, Debug)]
pub(crate) struct Revert {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    how: Writing,
}

impl Revert {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut outcome = Outcome::new();
        session.each(|target| {
            let history = session.history(target)?;
            let versions = self.selection.of_applied(&history)?;
            let steps = downs(session, target, &history, &versions)?;
            let plan = Plan { steps, one_transaction: false };
            outcome.carry_out(session, target, &plan, &self.how, output)
        })?;
        Ok(outcome.finish(output))
    }
}
