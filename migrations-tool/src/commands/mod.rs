//! A subcommand a file: its arguments, and what it does. All take a [`Session`](crate::session::Session)
//! and say what they have to say through an [`Output`](crate::output::Output).
//!
//! This room never runs SQL itself, and never decides where a plan runs.

pub(crate) mod dump;
pub(crate) mod generate;
pub(crate) mod list;
pub(crate) mod load;
pub(crate) mod path;
pub(crate) mod pending;
pub(crate) mod redo;
pub(crate) mod revert;
pub(crate) mod run;

mod steps;
