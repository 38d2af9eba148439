//! Which place: by what this node is for LiteFS.

use std::time::Duration;

use litefs_diesel::__tool::ToolDatabase;
use litefs_diesel::{Config, Node};

use super::here::Here;
use super::lock::Lock;
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
    // A folder that is not there is the node's to explain.
    let lock = match way.database.file().parent().filter(|folder| folder.is_dir()) {
        Some(folder) => Lock::take(folder, way.timeout)?,
        None => None,
    };
    let config = way.config.clone().of_tool(way.repo, way.alone, way.timeout)?;
    let node = pollster::block_on(Node::start(config)).map_err(PlaceError::of_start)?;
    Ok(match node.role().is_primary() {
        true => Box::new(Here::new(node, way, lock)),
        // Without a leader just now it is waited for there, and it may be this node.
        false => Box::new(There::new(node, way, lock)),
    })
}
