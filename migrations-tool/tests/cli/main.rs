//! The program itself, on throw-away packages.

mod bad_input;
mod commands;
mod generate;
mod ledger;
mod once;
mod package;
mod paths;
mod reading;
mod schema;
mod structure;
