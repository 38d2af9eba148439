//! Which folder a repo's migrations are in, and why that one.
//!
//! [`root`] finds the folder from which the rules count, [`rules`] has the rules in their order,
//! [`underscore`] makes a folder's name of a repo's, [`diesel_toml`] reads Diesel's own settings,
//! [`hint`] says what to do about a folder that is not there.
//!
//! This room never makes a folder, and never reads a migration.

mod diesel_toml;
mod error;
mod hint;
mod root;
mod rules;
mod underscore;

pub(crate) use diesel_toml::DieselToml;
pub(crate) use error::PathError;
pub(crate) use hint::{existing_folders, usual_folders};
pub(crate) use root::Root;
pub(crate) use rules::{Asked, Found, Rule, VARIABLE, find};
