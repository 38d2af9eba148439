//! `litefs-migrate` on a real LiteFS: from any node, with the primary gone in the middle, waiting for every
//! node, by secrets and certificates, and as a step of LiteFS's `exec:` list.

mod everywhere;
mod exec;
mod faults;
mod identity;
mod nodes;
