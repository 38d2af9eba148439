//! What the library under test brings to the benches. The references are elsewhere; a bench that
//! gets `None` from here prints its reference alone.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use diesel::prelude::*;
use litefs_diesel::{Config, Node, litefs_repo};
use litefs_diesel_tests::bench::Outcome;

use crate::context::Site;
use crate::operation::{AsyncOp, Op, read_op};
use crate::primary::BODY;
use crate::schema::{DATABASE, Keys, Person, Shape, people, writes};

#[litefs_repo]
struct Repo;

/// The library serving reads of the benches' database.
pub(crate) trait Reads {
    /// `shape` on a `LitefsConnection` of its own: `operation::read_op(repo.connection()?, shape)`.
    fn on_connection(&self, shape: Shape) -> Outcome<Op>;

    /// `shape` by the repo's async methods: `get` for a row by its key, `all` for several.
    fn by_repo(&self, shape: Shape) -> Outcome<AsyncOp>;
}

/// The library on both nodes of a cluster: one node serves the primary's mount, the other is asked.
/// `Reads` are the replica's.
pub(crate) trait Replicated: Reads {
    /// One insert of a row with two values, as `primary::Insert` does it, asked for on the replica
    /// and returned when visible there.
    fn write(&self) -> Outcome<AsyncOp>;

    /// How often the replica's node has read a position from the file system, so far.
    fn position_reads(&self) -> u64;
}

/// The library alone, without LiteFS, on a database that [`schema::create`](crate::schema::create) made.
pub(crate) fn alone(database: &Path) -> Outcome<Option<Box<dyn Reads>>> {
    let config = Config::default().database("Repo", database.to_string_lossy());
    Ok(Some(Box::new(Served::start(config)?)))
}

/// The library on the two nodes of `site`, with the database [`Site::database`].
pub(crate) fn replicated(site: &Site) -> Outcome<Option<Box<dyn Replicated>>> {
    let (replica, primary) = pair(site, DATABASE, |config| config)?;
    Ok(Some(Box::new(Pair { replica, _primary: primary })))
}

/// The same on another database, whose writer keeps no ledger.
pub(crate) fn without_ledger(site: &Site, database: &str) -> Outcome<Box<dyn Replicated>> {
    let (replica, primary) = pair(site, database, Config::without_ledger)?;
    Ok(Box::new(Pair { replica, _primary: primary }))
}

/// A node on the replica, which is asked, and one on the primary.
pub(crate) fn pair(
    site: &Site,
    database: &str,
    change: impl Fn(Config) -> Config,
) -> Outcome<(Served, Served)> {
    let config = |node: usize| {
        let config = Config::default()
            .database("Repo", site.cluster.mount(node).join(database).to_string_lossy())
            .litefs_http(site.cluster.http(node))
            .cluster_name("bench")
            .node_name(format!("application {node}"))
            .listen("127.0.0.1:0")
            .insecure(true);
        change(config)
    };
    // Nobody calls the replica: its place in the primary's table is never used.
    let primary = Served::start(config(0).peer_table([("nobody", "127.0.0.1:9")]))?;
    let address = primary.node.address().ok_or("the primary does not listen")?.to_string();
    let replica = Served::start(config(1).peer_table([(site.cluster.hostname(0), address)]))?;
    Ok((replica, primary))
}

/// Capture alone of an insert with two binds: what happens on the caller's thread before a write is
/// sent.
pub(crate) fn capture() -> Outcome<Option<Op>> {
    Ok(Some(Box::new(|| {
        let insert =
            diesel::insert_into(writes::table).values((writes::number.eq(7_i64), writes::text.eq(BODY)));
        litefs_diesel::__private::capture_size(&insert)?;
        Ok(())
    })))
}

/// One node with its repo.
pub(crate) struct Served {
    pub(crate) node: Node,
    repo: Repo,
}

impl Served {
    fn start(config: Config) -> Outcome<Self> {
        let node = pollster::block_on(Node::start(config))?;
        Ok(Self { repo: Repo::on(&node)?, node })
    }
}

impl Served {
    /// One insert, back when it is visible here.
    pub(crate) fn write(&self) -> AsyncOp {
        let repo = self.repo.clone();
        let next = Arc::new(AtomicI64::new(0));
        Arc::new(move || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let insert =
                diesel::insert_into(writes::table).values((writes::number.eq(number), writes::text.eq(BODY)));
            let write = repo.execute(insert);
            Box::pin(async move {
                write.await?;
                Ok(())
            })
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // LiteFS could not unmount else.
        let _ = pollster::block_on(self.node.shutdown());
    }
}

impl Reads for Served {
    fn on_connection(&self, shape: Shape) -> Outcome<Op> {
        Ok(read_op(self.repo.connection()?, shape))
    }

    fn by_repo(&self, shape: Shape) -> Outcome<AsyncOp> {
        let repo = self.repo.clone();
        let keys = Arc::new(Mutex::new(Keys::default()));
        Ok(Arc::new(move || {
            let id = keys.lock().map_or(1, |mut keys| keys.next().unwrap_or(1));
            let repo = repo.clone();
            Box::pin(async move {
                let found = match shape {
                    Shape::Point => repo.get::<Person, _>(people::table, id).required().await?.id,
                    Shape::Boxed => {
                        let query = people::table.into_boxed().filter(people::id.eq(id));
                        let rows = repo.all(query.select(Person::as_select())).await?;
                        rows.first().ok_or(diesel::NotFound)?.id
                    }
                    Shape::Rows(count) => {
                        let query = people::table.filter(people::id.ge(id)).order(people::id).limit(count);
                        let rows = repo.all(query.select(Person::as_select())).await?;
                        rows.first().ok_or(diesel::NotFound)?.id
                    }
                };
                if found == id { Ok(()) } else { Err(diesel::NotFound.into()) }
            })
        }))
    }
}

/// The replica, which is asked, and the primary behind it. Dropped in this order.
struct Pair {
    replica: Served,
    _primary: Served,
}

impl Reads for Pair {
    fn on_connection(&self, shape: Shape) -> Outcome<Op> {
        self.replica.on_connection(shape)
    }

    fn by_repo(&self, shape: Shape) -> Outcome<AsyncOp> {
        self.replica.by_repo(shape)
    }
}

impl Replicated for Pair {
    fn write(&self) -> Outcome<AsyncOp> {
        Ok(self.replica.write())
    }

    fn position_reads(&self) -> u64 {
        litefs_diesel::__private::position_reads::<Repo>(&self.replica.node).unwrap_or_default()
    }
}
