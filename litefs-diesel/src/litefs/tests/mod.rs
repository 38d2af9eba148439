//! Tests of the room as a whole: on a plain file, on a small HTTP server, and on a real LiteFS.

mod cluster_id;
mod real;
mod server;
mod starve;
mod wait;
