//! The typed methods.

/// What a repo that `#[litefs_repo]` made holds.
#[derive(Clone, Debug)]
pub struct RepoHandle {}
