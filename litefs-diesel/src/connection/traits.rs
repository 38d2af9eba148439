//! Diesel's traits for [`LitefsConnection`].

use std::any::Any;

use diesel::RunQueryDsl;
use diesel::associations::{HasTable, Identifiable};
use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, DefaultLoadingMode, Instrumentation,
    LoadConnection, MultiConnectionHelper, SimpleConnection, TransactionManager, WithMetadataLookup,
};
use diesel::dsl::{Find, Update};
use diesel::expression::{MixedAggregates, QueryMetadata, ValidGrouping, is_aggregate};
use diesel::migration::MigrationConnection;
use diesel::query_builder::{AsChangeset, IntoUpdateTarget, Query, QueryFragment, QueryId};
use diesel::query_dsl::UpdateAndFetchResults;
use diesel::query_dsl::methods::{ExecuteDsl, FindDsl, LoadQuery};
use diesel::query_source::Table;
use diesel::r2d2::R2D2Connection;
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sql_types::TypeMetadata;
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::litefs_connection::{LitefsConnection, Way};

impl SimpleConnection for LitefsConnection {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let node = match &mut self.way {
            Way::Alone(conn) => return conn.batch_execute(query),
            Way::Node(node) => node,
        };
        let result = node.batch(query);
        if result.is_err() && node.transaction.is_none() {
            // As `SqliteConnection` does where SQLite has ended the transaction.
            node.manager = AnsiTransactionManager::default();
        }
        result
    }
}

impl ConnectionSealed for LitefsConnection {}

impl Connection for LitefsConnection {
    type Backend = Sqlite;
    type TransactionManager = AnsiTransactionManager;

    fn establish(database_url: &str) -> ConnectionResult<Self> {
        Self::open(database_url)
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        match &mut self.way {
            Way::Alone(conn) => conn.execute_returning_count(source),
            Way::Node(node) => node.execute(source),
        }
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        match &mut self.way {
            Way::Alone(conn) => conn.transaction_state(),
            Way::Node(node) => &mut node.manager,
        }
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        match &mut self.way {
            Way::Alone(conn) => conn.instrumentation(),
            Way::Node(node) => node.local.instrumentation(),
        }
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        match &mut self.way {
            Way::Alone(conn) => conn.set_instrumentation(instrumentation),
            Way::Node(node) => node.local.set_instrumentation(instrumentation),
        }
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        match &mut self.way {
            Way::Alone(conn) => conn.set_prepared_statement_cache_size(size),
            Way::Node(node) => node.local.set_cache_size(size),
        }
    }
}

impl LoadConnection<DefaultLoadingMode> for LitefsConnection {
    type Cursor<'conn, 'query> = <SqliteConnection as LoadConnection>::Cursor<'conn, 'query>;
    type Row<'conn, 'query> = <SqliteConnection as LoadConnection>::Row<'conn, 'query>;

    #[inline]
    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        match &mut self.way {
            Way::Alone(conn) => LoadConnection::<DefaultLoadingMode>::load(&mut **conn, source),
            Way::Node(node) => node.load(source),
        }
    }
}

impl WithMetadataLookup for LitefsConnection {
    fn metadata_lookup(&mut self) -> &mut <Sqlite as TypeMetadata>::MetadataLookup {
        &mut self.lookup
    }
}

impl MultiConnectionHelper for LitefsConnection {
    fn to_any<'a>(lookup: &mut <Sqlite as TypeMetadata>::MetadataLookup) -> &mut (dyn Any + 'a) {
        lookup
    }

    fn from_any(lookup: &mut dyn Any) -> Option<&mut <Sqlite as TypeMetadata>::MetadataLookup> {
        lookup.downcast_mut()
    }
}

impl R2D2Connection for LitefsConnection {
    fn ping(&mut self) -> QueryResult<()> {
        diesel::sql_query("SELECT 1").execute(self).map(drop)
    }

    fn is_broken(&mut self) -> bool {
        let broken = AnsiTransactionManager::is_broken_transaction_manager(self) || self.is_left_open();
        // r2d2 asks when it takes a connection back, which then may lie idle for long.
        broken || self.lay_away().is_err()
    }
}

impl MigrationConnection for LitefsConnection {
    fn setup(&mut self) -> QueryResult<usize> {
        match &mut self.way {
            Way::Alone(conn) => conn.setup(),
            Way::Node(node) => node.set_up_migrations(),
        }
    }
}

/// `save_changes`.
impl<'b, Changes, Output> UpdateAndFetchResults<Changes, Output> for LitefsConnection
where
    Changes: Copy + Identifiable,
    Changes: AsChangeset<Target = <Changes as HasTable>::Table> + IntoUpdateTarget,
    Changes::Table: FindDsl<Changes::Id>,
    Update<Changes, Changes>: ExecuteDsl<Self>,
    Find<Changes::Table, Changes::Id>: LoadQuery<'b, Self, Output>,
    <Changes::Table as Table>::AllColumns: ValidGrouping<()>,
    <<Changes::Table as Table>::AllColumns as ValidGrouping<()>>::IsAggregate:
        MixedAggregates<is_aggregate::No, Output = is_aggregate::No>,
{
    fn update_and_fetch(&mut self, changeset: Changes) -> QueryResult<Output> {
        diesel::update(changeset).set(changeset).execute(self)?;
        FindDsl::find(Changes::table(), changeset.id()).get_result(self)
    }
}
