//! `run`: applies what is pending.

use clap::Args;
use litefs_diesel::__tool::Plan;

use super::steps::up;
use crate::carry_out::Outcome;
use crate::cli::Writing;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::select::Selection;
use crate::session::Session;

/// Run what is pending: all of it, in the order of the versions
///
/// Runs on the primary; with nothing pending in this node's file it is done without asking anybody.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    selection: Selection,
    /// Fail when something pending is earlier than what is applied, instead of a warning
    #[arg(long)]
    strict_version_order: bool,
    #[command(flatten)]
    how: Writing,
}

impl Run {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut outcome = Outcome::new();
        session.each(|target| {
            let history = session.history(target)?;
            let migrations = self.selection.of_pending(&history)?;
            for (pending, applied) in history.out_of_order() {
                if !migrations.iter().any(|migration| migration.version == pending.version) {
                    continue;
                }
                let (pending, applied) = (pending.name.clone(), applied.to_owned());
                match self.strict_version_order {
                    true => return Err(Error::Order { pending, applied }),
                    false => output.note(format_args!(
                        "warning: {pending} is earlier than {applied}, which is applied already; it runs now"
                    )),
                }
            }
            let steps = migrations.into_iter().map(up).collect::<Result<_, _>>()?;
            let plan = Plan { steps, one_transaction: false };
            outcome.carry_out(session, target, &plan, &self.how, output)
        })?;
        Ok(outcome.finish(output))
    }
}
