//! Runs the Diesel migrations of a litefs-diesel application: once, on the primary.
//!
//! The tool is the program `litefs-migrate`, and [`run`] is all of it; an application that carries its
//! migrations carries the tool with [`run_for`].
//!
//! ```text
//! litefs-migrate run          what is pending (also: migrate)
//! litefs-migrate list         all, and which are applied (migrations, status)
//! litefs-migrate path         where they are looked for, and why there
//! ```
//!
//! | room | holds |
//! |---|---|
//! | `commands/` | a subcommand a file |
//! | `place/` | where a plan runs: here, or on the primary |
//! | `source/` | migrations in a folder, or embedded |
//! | `paths/` | which folder, and why |
//! | `structure/` | `structure.sql` |
//!
//! Running a plan on a connection, each migration once, is the library's (`litefs_diesel::__tool`).

mod app;
mod carry_out;
mod cli;
mod commands;
mod error;
mod exit;
mod history;
mod output;
mod paths;
mod place;
mod progress;
mod schema;
mod select;
mod session;
mod source;
mod structure;

pub use app::{run, run_for};
pub use exit::Exit;
