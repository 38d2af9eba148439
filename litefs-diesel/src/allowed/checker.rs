//! Looks at each statement before it runs, and at the schema after what defined something.

use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::Site;
use super::forbidden::{Forbidden, NotAllowed, shown};
use super::names::Names;
use super::program::{Roots, Writes};
use super::schema::Schema;
use super::words::{self, Sort};
use crate::recent::Recent;
use crate::statement::kind::program;

/// So many texts are known to be allowed.
const REMEMBERED: usize = 2_048;
/// A longer text (in bytes) is looked at each time: as a key it would cost more than it spares.
const LONGEST: usize = 16 << 10;

/// What is allowed on one connection, and what is known of its schema.
///
/// A verdict is kept for the text, for as long as the schema is of the version for which it was made;
/// [`Allowed::begin`] looks at that once a transaction.
pub(crate) struct Allowed {
    /// Texts that read or write rows, and may.
    known: Recent<Box<str>, ()>,
    schema: Option<Schema>,
    /// The schema was changed since [`Allowed::begin`]: what is known goes if that is taken back.
    changed: bool,
}

/// What a statement that may run does to what is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Rows,
    /// The schema may be another one: [`Allowed::defined`] is to be called after it.
    Defines,
    /// It may take back what was changed: [`Allowed::rolled_back`] is to be called after it.
    Controls,
}

impl Allowed {
    pub(crate) fn new() -> Self {
        Self { known: Recent::new(REMEMBERED), schema: None, changed: false }
    }

    /// Right after a transaction began.
    pub(crate) fn begin(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        let still = match &self.schema {
            Some(schema) if !self.changed => schema.is_of(conn)?,
            _ => false,
        };
        if !still {
            self.forget();
        }
        self.changed = false;
        Ok(())
    }

    /// The library may have changed the schema itself, in the transaction that is open.
    pub(crate) fn made(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        if let Some(schema) = &self.schema
            && !schema.is_of(conn)?
        {
            self.forget();
            self.changed = true;
        }
        Ok(())
    }

    /// A savepoint was rolled back in a transaction that goes on.
    pub(crate) fn rolled_back(&mut self) {
        if self.changed {
            self.forget();
        }
    }

    /// The version of the schema tells nothing any more: the next one may have the same number.
    fn forget(&mut self) {
        self.schema = None;
        self.known = Recent::new(REMEMBERED);
    }

    /// Whether one statement may run now, on this connection and at this site. What SQLite says of a
    /// statement that it cannot compile is an error, too.
    #[inline]
    pub(crate) fn check(
        &mut self,
        conn: &mut SqliteConnection,
        sql: &str,
        site: Site,
    ) -> Result<Effect, NotAllowed> {
        if self.known.get(sql).is_some() {
            return Ok(Effect::Rows);
        }
        self.look(conn, sql, site)
    }

    #[cold]
    fn look(&mut self, conn: &mut SqliteConnection, sql: &str, site: Site) -> Result<Effect, NotAllowed> {
        let sort = words::look(sql, site)?;
        match sort {
            Sort::Rows(names) => {
                self.rows(conn, sql, names, site)?;
                if sql.len() <= LONGEST {
                    self.known.insert(sql.into(), ());
                }
                Ok(Effect::Rows)
            }
            Sort::Makes if site != Site::Migration => {
                self.schema(conn)?;
                // An index on a TEMP table is made where that is, whatever the words are.
                if Writes::of(&program(conn, sql)?, &Roots::default()).temp {
                    return Err(Forbidden::Temp(shown(sql)).into());
                }
                Ok(Effect::Defines)
            }
            Sort::Makes | Sort::Alters => {
                self.schema(conn)?;
                Ok(Effect::Defines)
            }
            Sort::Controls => Ok(Effect::Controls),
            Sort::Other => Ok(Effect::Rows),
        }
    }

    /// One that reads or writes rows. Where neither it nor the schema names what is guarded, it cannot
    /// reach that.
    fn rows(
        &mut self,
        conn: &mut SqliteConnection,
        sql: &str,
        names: Names,
        site: Site,
    ) -> Result<(), NotAllowed> {
        let schema = self.schema(conn)?;
        if !names.any() && !schema.reaches {
            return Ok(());
        }
        let writes = Writes::of(&program(conn, sql)?, &schema.roots);
        Err(NotAllowed::from(match () {
            () if writes.ours => Forbidden::Ledger(shown(sql)),
            () if writes.schema => Forbidden::Schema(shown(sql)),
            () if writes.temp && names.temp && site != Site::Migration => Forbidden::Temp(shown(sql)),
            () => return Ok(()),
        }))
    }

    fn schema(&mut self, conn: &mut SqliteConnection) -> QueryResult<&Schema> {
        match &mut self.schema {
            Some(schema) => Ok(schema),
            none => Ok(none.insert(Schema::load(conn)?)),
        }
    }

    /// Before code that may define something without being looked at.
    pub(crate) fn watch(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        self.schema(conn).map(drop)
    }

    /// After it, and after a statement that defined something: whether all that is the library's is as
    /// it was. When not, what did it must be taken back.
    pub(crate) fn defined(&mut self, conn: &mut SqliteConnection) -> Result<(), NotAllowed> {
        let Some(before) = &self.schema else { return Ok(()) };
        if before.is_of(conn)? {
            return Ok(());
        }
        let now = Schema::load(conn)?;
        let difference = before.difference(&now);
        self.changed = true;
        self.known = Recent::new(REMEMBERED);
        match difference {
            None => {
                self.schema = Some(now);
                Ok(())
            }
            Some(what) => {
                self.schema = None;
                Err(Forbidden::LedgerChanged(what).into())
            }
        }
    }
}
