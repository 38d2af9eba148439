//! node

/// A node (replaced by the `node` engineer).
#[derive(Clone, Debug)]
pub struct Node {}
