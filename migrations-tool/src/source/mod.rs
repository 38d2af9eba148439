//! Migrations as they are given: folders on disk, or embedded in a program.
//!
//! [`folder`] reads a folder of Diesel's layout, [`metadata`] a migration's `metadata.toml`,
//! [`mod@embedded`] takes the SQL out of Diesel's `Migration` with the help of [`recorder`],
//! [`Migrations`] is all of them, in order.
//!
//! This room never opens a database, and never writes a file.

mod embedded;
mod error;
mod folder;
mod metadata;
mod migration;
mod recorder;

pub(crate) use embedded::embedded;
pub(crate) use error::SourceError;
pub(crate) use folder::{read, version_of};
pub(crate) use migration::{Migration, Migrations, Sql, sql_file};
