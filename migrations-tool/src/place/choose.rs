//! Which place: by what this node is for LiteFS.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use litefs_diesel::__tool::{Lock, ToolDatabase};
use litefs_diesel::{Config, Node};

use super::here::Here;
use super::there::There;
use super::{Place, PlaceError};

/// How to reach the place of one repo.
pub(crate) struct Way<'a> {
    pub(crate) config: &'a Config,
    pub(crate) repo: &'a str,
    pub(crate) database: &'a ToolDatabase,
    /// There is no LiteFS, or the database is none of its.
    pub(crate) alone: bool,
    pub(crate) timeout: Duration,
}

/// The place where the repo's database is written. A node of the tool's own looks before anything is
/// opened, as that of an application does: it makes a database that is missing only where that does
/// no harm. Blocks until LiteFS has a leader, for at most the timeout.
pub(crate) fn choose<'a>(way: &Way<'a>) -> Result<Box<dyn Place + 'a>, PlaceError> {
    let config = way.config.clone().of_tool(way.repo, way.alone, way.timeout)?;
    // Two that start at once would both make a database that is missing.
    let lock = lock(way)?;
    let node = pollster::block_on(Node::start(config)).map_err(PlaceError::of_start)?;
    drop(lock);
    Ok(match node.role().is_primary() {
        true => Box::new(Here::new(node, way)),
        // Without a leader just now it is waited for there, and it may be this node.
        false => Box::new(There::new(node, way)),
    })
}

fn lock(way: &Way<'_>) -> Result<Option<Lock>, PlaceError> {
    // A folder that is not there is the node's to explain.
    let Some(folder) = way.database.file().parent().filter(|folder| folder.is_dir()) else { return Ok(None) };
    Lock::take(folder, Instant::now() + way.timeout, || true).map_err(|error| {
        let path = folder.to_owned();
        match error.kind() {
            ErrorKind::WouldBlock => PlaceError::Busy { path, waited: way.timeout },
            _ => PlaceError::Lock { path, why: error.to_string() },
        }
    })
}
