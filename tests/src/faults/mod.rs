//! The fault run: three applications write in every way and at every level while a seeded schedule
//! kills, pauses and cuts off what is below them; afterwards the databases of all nodes are held
//! against what each application was told of each of its writes.
//!
//! - [`work`]: what a write does, and in which way; [`tables`]: where.
//! - [`record`]: what an application writes down while it happens, on a file that outlives it.
//! - [`load`]: the writers inside an application, and the commands that start and stop them.
//! - [`probes`]: what one fault by itself is looked at with.
//! - [`schedule`]: which fault comes when, from one number; [`play`]: doing it on the [`stage`], and undoing
//!   it; [`deaths`]: what ended by itself.
//! - [`checker`]: whether the records and the databases agree; [`report`]: the counts.
//! - [`run`]: all of it; [`single`]: one fault by itself.
//!
//! The checker is given records and tables and looks at nothing else; it never asks the library.

pub mod checker;
pub mod clock;
pub mod deaths;
pub mod dice;
mod failovers;
pub mod load;
mod perform;
pub mod play;
pub mod probes;
pub mod record;
pub mod report;
pub mod run;
pub mod schedule;
pub mod single;
pub mod stage;
pub mod tables;
pub mod work;

pub use perform::faults_write;

use crate::app::Commands;
use crate::contract::App;

/// The commands of an application for this.
#[must_use]
pub fn commands(commands: Commands<App>) -> Commands<App> {
    probes::add(load::add(commands))
}
