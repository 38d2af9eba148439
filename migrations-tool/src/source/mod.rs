//! Migrations as they are given: folders on disk, or embedded in a program.
//!
//! [`folder`] reads a folder of Diesel's layout, [`metadata`] a migration's `metadata.toml`,
//! [`mod@embedded`] takes those of a program as the library gives them, [`Migrations`] is all of them, in
//! order.
//!
//! This room never opens a database, and never writes a file.

mod embedded;
mod error;
mod folder;
mod metadata;
mod migration;

pub(crate) use embedded::embedded;
pub(crate) use error::SourceError;
pub(crate) use folder::{read, version_of};
pub(crate) use migration::{Migration, Migrations, Sql, sql_file};
