//! What the contract tests of litefs-diesel share: a real LiteFS of several nodes
//! ([`Cluster`](cluster::Cluster)) and application nodes that are processes of their own
//! ([`AppProcess`](app::AppProcess)); and how its benches compare ([`Contest`](bench::Contest)).
//!
//! Those know nothing of the library under test; [`contract`] brings both together.

pub mod app;
pub mod attack;
pub mod bare;
pub mod bench;
pub mod cases;
pub mod cluster;
pub mod contract;
pub mod faults;
pub mod netns;
pub mod port;
pub mod process;
pub mod proxy;
pub mod wait;

/// The code in the documents, which is compiled and run as that of any other docs.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/guide/diesel.md")]
    struct Diesel;
    #[doc = include_str!("../../docs/guide/outcomes.md")]
    struct Outcomes;
    #[doc = include_str!("../../docs/guide/procedures.md")]
    struct Procedures;
}
