//! A connection that runs nothing: it takes down what Diesel would have run.
//!
//! Diesel makes one statement of some batch inserts and many of others; asking it is the only way
//! to know.

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, Instrumentation, SimpleConnection,
    TransactionManager,
};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sqlite::Sqlite;

use crate::statement::capture::capture;
use crate::statement::{Statement, Want};

/// Takes down statements, and says of each that it changed no row.
#[derive(Default)]
pub struct Recorder {
    pub(crate) statements: Vec<Statement>,
    transactions: AnsiTransactionManager,
    instrumentation: Option<Box<dyn Instrumentation>>,
}

impl SimpleConnection for Recorder {
    // The `BEGIN` and `COMMIT` around a batch: a write request is one transaction anyway.
    fn batch_execute(&mut self, _: &str) -> QueryResult<()> {
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
