//! The drop-in Diesel connection: reads run on this node's file, writes on the primary.
//!
//! [`LitefsConnection`] is what the application holds. Behind it, `node` sends each statement its
//! way: `local` reads here, `transaction` and the [`Primary`](crate::request::Primary) run the
//! rest; `kinds` knows which statement does what. `migrating` makes Diesel's own way of running migrations
//! one that does each once.
//!
//! This room never writes to a file, and never knows where the primary is.

mod access;
mod batch;
mod fault;
mod idle;
mod kinds;
mod litefs_connection;
mod local;
mod migrating;
mod node;
mod pragma;
mod reading;
mod refusal;
pub(crate) mod registry;
mod retry;
mod session;
mod tap;
mod terms;
#[cfg(test)]
mod tests;
mod traits;
mod transaction;

pub(crate) use access::Access;
pub(crate) use fault::is_readonly;
pub(crate) use kinds::Kinds;
pub use litefs_connection::LitefsConnection;
pub(crate) use reading::ReadsOn;
