//! What the parts share: the options, a runtime for callers, and a cluster, started when the first
//! part needs it.

use std::cell::{OnceCell, RefCell};
use std::path::{Path, PathBuf};

use litefs_diesel_tests::bench::{Options, Outcome};
use litefs_diesel_tests::cluster::{Cluster, Lease};
use tokio::runtime::Runtime;

use crate::schema;

/// See the [module](self).
pub(crate) struct Context {
    pub(crate) options: Options,
    /// The callers' own; the library brings its own runtime beside it.
    pub(crate) runtime: Runtime,
    site: OnceCell<Option<Site>>,
    notes: RefCell<Vec<String>>,
}

/// Two nodes with the benches' database: node 0 is the primary, node 1 the replica.
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    /// Of the data below LiteFS: `ext4`, `tmpfs`, …
    pub(crate) file_system: String,
}

impl Context {
    pub(crate) fn new(options: Options) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Self { options, runtime, site: OnceCell::new(), notes: RefCell::default() })
    }

    /// The cluster with its data where temporary files are; `None`, with a note in the report,
    /// where LiteFS cannot run.
    pub(crate) fn site(&self) -> Option<&Site> {
        self.site.get_or_init(|| self.site_in(&std::env::temp_dir())).as_ref()
    }

    /// A cluster of one's own with its data elsewhere; `None` as with [`Context::site`].
    pub(crate) fn site_in(&self, parent: &Path) -> Option<Site> {
        match Site::start(parent) {
            Ok(site) => Some(site),
            Err(why) => {
                self.note(format!("left out, because LiteFS cannot run in {}: {why}", parent.display()));
                None
            }
        }
    }

    pub(crate) fn note(&self, note: impl Into<String>) {
        self.notes.borrow_mut().push(note.into());
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.take()
    }
}

impl Site {
    fn start(parent: &Path) -> Outcome<Self> {
        let file_system = file_system(parent);
        let site = Self { cluster: Cluster::start_in(parent, 2, Lease::Static)?, file_system };
        schema::create(&site.database(0))?;
        site.cluster.wait_replicated(0, schema::DATABASE)?;
        Ok(site)
    }

    /// The benches' database on a node.
    pub(crate) fn database(&self, node: usize) -> PathBuf {
        self.cluster.mount(node).join(schema::DATABASE)
    }
}

/// The type of the file system that holds a path.
fn file_system(path: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let fields = mounts.lines().map(|line| line.split(' ').skip(1).take(2).collect::<Vec<_>>());
    let holding = fields.filter(|fields| fields.len() == 2 && path.starts_with(fields[0]));
    holding.max_by_key(|fields| fields[0].len()).map_or_else(|| "?".to_owned(), |fields| fields[1].to_owned())
}
