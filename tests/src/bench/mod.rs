//! How the benches compare: contenders take turns in short rounds within one run, and what is told
//! is the ratio of each round, its median and its spread. On a machine that others use, absolute
//! numbers of two runs cannot be compared; a ratio of neighbours in time can.
//!
//! This room never starts a cluster, and knows nothing of the library under test.

mod contest;
mod line;
mod machine;
mod options;
mod report;
mod spread;

pub use contest::{Contest, Failure, Outcome, Results};
pub use line::{Line, Target};
pub use options::Options;
pub use report::Report;
pub use spread::{Spread, percentile};
