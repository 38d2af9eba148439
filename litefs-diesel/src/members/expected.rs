//! The nodes that the settings name: `cluster.nodes`.

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// How it is listed: LiteFS's host name, or an address behind a DNS name.
    pub(crate) listed: String,
    /// Its name, once it is known: a listed host name is it, and an address says it in its hello.
    pub(crate) node: Option<String>,
}

impl Expected {
    /// Listed by its host name.
    pub(crate) fn named(node: &str) -> Self {
        Self { listed: node.to_owned(), node: Some(node.to_owned()) }
    }

    /// Listed by its address.
    pub(crate) fn at(address: &str) -> Self {
        Self { listed: address.to_owned(), node: None }
    }

    /// What it is called, as far as that is known.
    pub(super) fn name(&self) -> &str {
        self.node.as_deref().unwrap_or(&self.listed)
    }
}
