//! A connection that runs nothing: it takes down what Diesel would have run.
//!
//! Diesel makes one statement of some batch inserts and many of others, and a migration does not show
//! its SQL; asking them is the only way to know.

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, Instrumentation, SimpleConnection,
    TransactionManager,
};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sqlite::Sqlite;

use super::capture::capture;
use super::{Statement, Want};

/// Takes down what is run, and says of each statement that it changed no row.
#[derive(Default)]
pub struct Recorder {
    pub(crate) statements: Vec<Statement>,
    /// Those of `batch_execute`: a migration's SQL, or the `BEGIN` and `COMMIT` that Diesel puts around the
    /// statements of one insert.
    pub(crate) texts: Vec<String>,
    transactions: AnsiTransactionManager,
    instrumentation: Option<Box<dyn Instrumentation>>,
}

impl SimpleConnection for Recorder {
    fn batch_execute(&mut self, sql: &str) -> QueryResult<()> {
        self.texts.push(sql.to_owned());
        Ok(())
    }
}

impl ConnectionSealed for Recorder {}

impl Connection for Recorder {
    type Backend = Sqlite;
    type TransactionManager = AnsiTransactionManager;

    fn establish(_: &str) -> ConnectionResult<Self> {
        Ok(Self::default())
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        self.statements.push(capture(source, Want::Count)?);
        Ok(0)
    }

    fn transaction_state(
        &mut self,
    ) -> &mut <Self::TransactionManager as TransactionManager<Self>>::TransactionStateData {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Some(Box::new(instrumentation));
    }

    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}
