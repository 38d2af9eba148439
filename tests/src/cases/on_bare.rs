//! The cases on bare `SqliteConnection`: the reference.

/// The connection of these cases.
pub type Conn = diesel::SqliteConnection;

#[path = "themes/mod.rs"]
#[allow(clippy::duplicate_mod)] // once for each connection type: that is the point
pub mod themes;

pub use themes::{all, run_all, run_one_with_url, run_with_url, with_url};
