//! LiteFS's own settings file.

use std::path::Path;

/// How the primary is chosen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lease {
    /// Node 0 is the primary for ever, also while it is down.
    Static,
}

/// What a node calls itself. Not a name that resolves: LiteFS takes any text.
pub(super) fn hostname(node: usize) -> String {
    format!("node-{node}")
}

/// The settings of node `index`; `addresses` are those of all nodes.
pub(super) fn yaml(lease: &Lease, index: usize, addresses: &[String], dir: &Path) -> String {
    let lease = match lease {
        // A replica gives the primary's name and address, and is told that it is no candidate.
        Lease::Static => format!(
            "{{type: static, hostname: {}, advertise-url: \"http://{}\", candidate: {}, reconnect-delay: 200ms}}",
            hostname(0),
            addresses[0],
            index == 0
        ),
    };
    // skip-sync: else LiteFS takes no signal until it has found a primary.
    format!(
        "fuse: {{dir: \"{dir}/mnt\"}}\ndata: {{dir: \"{dir}/data\"}}\nhttp: {{addr: \"{address}\"}}\n\
         skip-sync: true\nlease: {lease}\n",
        dir = dir.display(),
        address = addresses[index],
    )
}
