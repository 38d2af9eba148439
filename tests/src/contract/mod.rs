//! The contract of the library as application code sees it: what an application node can be asked
//! ([`commands`]), and how some are started on a real LiteFS ([`Site`]).
//!
//! What a command does is the same on a node that is alone, on the primary and on a replica; the
//! tests compare what it gives. Nothing here knows which of the three it runs on.

mod app;
mod diesel_cases;
mod levels;
mod lifetimes;
mod load;
mod methods;
mod migrations;
mod outage;
pub mod outcome;
pub mod releases;
mod settings;
mod site;
mod tool;

pub use app::{App, AuditRepo, Number, Repo};
pub use load::{MARKS, ReadBack, Starved, Times, WroteFor};
pub use methods::constraints_on_bare;
pub use outage::{Known, TOKENS, WriteOn};
pub use settings::{Identity, NodeSettings};
pub use site::{Site, start_app, wait_role};
pub use tool::{Ran, Tool};

use crate::app::Commands;
use crate::faults;

/// All that an application node can be asked.
#[must_use]
pub fn commands() -> Commands<App> {
    let commands = app::commands()
        .add("methods", methods::run)
        .add("cases", diesel_cases::run)
        .add("case", diesel_cases::run_one)
        .add("cases_with_url", diesel_cases::run_with_url);
    let commands = migrations::add(load::add(commands));
    faults::commands(releases::add(levels::add(lifetimes::add(outage::add(commands)))))
}
