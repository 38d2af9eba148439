//! Transactions and savepoints, as Diesel opens them.

use diesel::dsl::insert_into;
use diesel::prelude::*;
use diesel::result::Error;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::clean::depth;
use crate::cases::models::{NewUser, User};
use crate::cases::observe::{error, seen};
use crate::cases::schema::{loans, users};

super::cases!("transactions":
    commit, rollback_by_error, rollback_by_an_error_of_the_application, returns_values,
    reads_its_own_writes, error_inside_and_going_on, nested_commit, inner_fails_outer_goes_on,
    inner_commits_outer_rolls_back, three_deep, siblings, inner_swallows_a_constraint, immediate,
    immediate_rolls_back, exclusive, immediate_inside_a_transaction, immediate_holds_nested,
    batch_insert_inside, batch_insert_that_fails_inside, only_reads, empty,
    deferred_foreign_key_cured, deferred_foreign_key_fails_the_commit,
    deferred_foreign_key_in_a_savepoint, ddl_rolls_back, panic_inside, many_statements,
    iterating_inside, one_after_the_other,
);

fn add(conn: &mut Conn, id: i32) -> QueryResult<usize> {
    insert_into(users::table).values((users::id.eq(id), users::name.eq(format!("user {id}")))).execute(conn)
}

fn ids(conn: &mut Conn) -> QueryResult<Vec<i32>> {
    users::table.select(users::id).order(users::id).load(conn)
}

fn commit(conn: &mut Conn) -> QueryResult<Value> {
    let done = conn.transaction(|conn| {
        add(conn, 1)?;
        add(conn, 2)
    });
    Ok(json!([seen(done), ids(conn)?, depth(conn)]))
}

fn rollback_by_error(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 1)?;
    let failed = conn.transaction::<(), Error, _>(|conn| {
        add(conn, 2)?;
        Err(Error::RollbackTransaction)
    });
    Ok(json!([seen(failed), ids(conn)?, depth(conn)]))
}

fn rollback_by_an_error_of_the_application(conn: &mut Conn) -> QueryResult<Value> {
    #[derive(Debug)]
    enum Refusal {
        Database(Error),
        Application(String),
    }
    impl From<Error> for Refusal {
        fn from(error: Error) -> Self {
            Self::Database(error)
        }
    }
    let outcomes = [false, true].map(|refuse| {
        let result = conn.transaction(|conn| {
            add(conn, 1)?;
            if refuse { Err(Refusal::Application("no".into())) } else { add(conn, 1).map_err(Refusal::from) }
        });
        match result {
            Ok(count) => json!(count),
            Err(Refusal::Database(why)) => error(&why),
            Err(Refusal::Application(why)) => json!({ "application": why }),
        }
    });
    Ok(json!([outcomes, ids(conn)?]))
}

fn returns_values(conn: &mut Conn) -> QueryResult<Value> {
    let row: (User, Vec<i32>) = conn.transaction::<_, Error, _>(|conn| {
        let row = insert_into(users::table).values(users::name.eq("Ada")).get_result(conn)?;
        Ok((row, ids(conn)?))
    })?;
    Ok(json!(row))
}

fn reads_its_own_writes(conn: &mut Conn) -> QueryResult<Value> {
    let seen_inside = conn.transaction::<_, Error, _>(|conn| {
        let mut seen = vec![ids(conn)?];
        for id in 1..=3 {
            add(conn, id)?;
            seen.push(ids(conn)?);
        }
        diesel::delete(users::table.find(2)).execute(conn)?;
        seen.push(ids(conn)?);
        Ok(seen)
    })?;
    Ok(json!([seen_inside, ids(conn)?]))
}

fn error_inside_and_going_on(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let failed = add(conn, 1);
        let syntax = diesel::sql_query("NOT A STATEMENT").execute(conn);
        add(conn, 2)?;
        Ok(json!([seen(failed), seen(syntax), depth(conn), ids(conn)?]))
    })?;
    Ok(json!([inside, ids(conn)?]))
}

fn nested_commit(conn: &mut Conn) -> QueryResult<Value> {
    let depths = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let inner = conn.transaction::<_, Error, _>(|conn| {
            add(conn, 2)?;
            Ok(depth(conn))
        })?;
        add(conn, 3)?;
        Ok([inner, depth(conn)])
    })?;
    Ok(json!([depths, ids(conn)?, depth(conn)]))
}

fn inner_fails_outer_goes_on(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let inner = conn.transaction::<usize, Error, _>(|conn| {
            add(conn, 2)?;
            add(conn, 1)
        });
        let between = ids(conn)?;
        add(conn, 3)?;
        Ok(json!([seen(inner), between, depth(conn)]))
    })?;
    Ok(json!([inside, ids(conn)?]))
}

fn inner_commits_outer_rolls_back(conn: &mut Conn) -> QueryResult<Value> {
    let outer = conn.transaction::<(), Error, _>(|conn| {
        add(conn, 1)?;
        conn.transaction(|conn| add(conn, 2))?;
        Err(Error::RollbackTransaction)
    });
    Ok(json!([seen(outer), ids(conn)?]))
}

fn three_deep(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let middle = conn.transaction::<Vec<i32>, Error, _>(|conn| {
            add(conn, 2)?;
            let inner = conn.transaction::<(), Error, _>(|conn| {
                add(conn, 3)?;
                Err(Error::NotFound)
            });
            assert!(inner.is_err());
            add(conn, 4)?;
            ids(conn)
        })?;
        Ok(middle)
    })?;
    Ok(json!([inside, ids(conn)?]))
}

fn siblings(conn: &mut Conn) -> QueryResult<Value> {
    conn.transaction::<_, Error, _>(|conn| {
        for id in 1..=4 {
            let _ = conn.transaction(|conn| {
                add(conn, id)?;
                if id % 2 == 0 { Err(Error::RollbackTransaction) } else { Ok(()) }
            });
        }
        Ok(())
    })?;
    Ok(json!(ids(conn)?))
}

fn inner_swallows_a_constraint(conn: &mut Conn) -> QueryResult<Value> {
    let stored = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        // The usual "insert, or find what is there".
        let found = match conn.transaction(|conn| add(conn, 1)) {
            Err(Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _)) => {
                users::table.find(1).first::<User>(conn)?
            }
            other => return Ok(json!(["not refused", seen(other)])),
        };
        add(conn, 2)?;
        Ok(json!(found))
    })?;
    Ok(json!([stored, ids(conn)?]))
}

fn immediate(conn: &mut Conn) -> QueryResult<Value> {
    let done = conn.immediate_transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        Ok((depth(conn), ids(conn)?))
    });
    Ok(json!([seen(done), ids(conn)?, depth(conn)]))
}

fn immediate_rolls_back(conn: &mut Conn) -> QueryResult<Value> {
    let failed = conn.immediate_transaction::<usize, Error, _>(|conn| {
        add(conn, 1)?;
        add(conn, 1)
    });
    Ok(json!([seen(failed), ids(conn)?, depth(conn)]))
}

fn exclusive(conn: &mut Conn) -> QueryResult<Value> {
    let done = conn.exclusive_transaction::<_, Error, _>(|conn| add(conn, 1));
    let failed = conn.exclusive_transaction::<(), Error, _>(|conn| {
        add(conn, 2)?;
        Err(Error::RollbackTransaction)
    });
    Ok(json!([seen(done), seen(failed), ids(conn)?, depth(conn)]))
}

fn immediate_inside_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let immediate = conn.immediate_transaction(|conn| add(conn, 2));
        let exclusive = conn.exclusive_transaction(|conn| add(conn, 3));
        Ok(json!([seen(immediate), seen(exclusive), depth(conn)]))
    })?;
    Ok(json!([inside, ids(conn)?]))
}

fn immediate_holds_nested(conn: &mut Conn) -> QueryResult<Value> {
    conn.immediate_transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let _ = conn.transaction::<(), Error, _>(|conn| {
            add(conn, 2)?;
            Err(Error::RollbackTransaction)
        });
        conn.transaction(|conn| add(conn, 3))
    })?;
    Ok(json!(ids(conn)?))
}

fn rows(numbers: std::ops::RangeInclusive<i32>) -> Vec<NewUser<'static>> {
    numbers.map(|id| NewUser { id, name: "batch", email: None, age: Some(id) }).collect()
}

fn batch_insert_inside(conn: &mut Conn) -> QueryResult<Value> {
    // Diesel opens a transaction of its own for these, here a savepoint.
    let count = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let count = insert_into(users::table).values(&rows(2..=5)).execute(conn)?;
        add(conn, 6)?;
        Ok(count)
    })?;
    Ok(json!([count, ids(conn)?]))
}

fn batch_insert_that_fails_inside(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 3)?;
        let failed = insert_into(users::table).values(&rows(1..=5)).execute(conn);
        add(conn, 9)?;
        Ok(json!([seen(failed), ids(conn)?]))
    })?;
    Ok(json!([inside, ids(conn)?]))
}

fn only_reads(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 1)?;
    let read = conn.transaction::<_, Error, _>(|conn| Ok((ids(conn)?, users::table.load::<User>(conn)?)))?;
    Ok(json!(read))
}

fn empty(conn: &mut Conn) -> QueryResult<Value> {
    let done = conn.transaction::<_, Error, _>(|conn| Ok(depth(conn)));
    Ok(json!([seen(done), depth(conn)]))
}

fn deferred_foreign_key_cured(conn: &mut Conn) -> QueryResult<Value> {
    conn.transaction::<_, Error, _>(|conn| {
        insert_into(loans::table).values((loans::id.eq(1), loans::user_id.eq(5))).execute(conn)?;
        add(conn, 5)
    })?;
    Ok(json!([ids(conn)?, loans::table.count().get_result::<i64>(conn)?]))
}

fn deferred_foreign_key_fails_the_commit(conn: &mut Conn) -> QueryResult<Value> {
    let failed = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        insert_into(loans::table).values((loans::id.eq(1), loans::user_id.eq(5))).execute(conn)
    });
    let after = (depth(conn), ids(conn)?, loans::table.count().get_result::<i64>(conn)?);
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([seen(failed), after, seen(next), ids(conn)?]))
}

fn deferred_foreign_key_in_a_savepoint(conn: &mut Conn) -> QueryResult<Value> {
    let done = conn.transaction::<_, Error, _>(|conn| {
        conn.transaction(|conn| {
            insert_into(loans::table).values((loans::id.eq(1), loans::user_id.eq(5))).execute(conn)
        })?;
        add(conn, 5)
    });
    Ok(json!([seen(done), ids(conn)?, loans::table.count().get_result::<i64>(conn)?]))
}

fn ddl_rolls_back(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<Vec<(i32, String)>, Error, _>(|conn| {
        diesel::sql_query("CREATE TABLE case_short (id INTEGER PRIMARY KEY)").execute(conn)?;
        diesel::sql_query("ALTER TABLE case_users ADD COLUMN more TEXT").execute(conn)?;
        Err(Error::RollbackTransaction)
    });
    let table = diesel::sql_query("INSERT INTO case_short VALUES (1)").execute(conn);
    let column = diesel::sql_query("UPDATE case_users SET more = 'x'").execute(conn);
    Ok(json!([seen(inside), seen(table), seen(column)]))
}

fn panic_inside(conn: &mut Conn) -> QueryResult<Value> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        conn.transaction::<(), Error, _>(|conn| {
            add(conn, 1)?;
            std::panic::resume_unwind(Box::new("quietly")) // no message on standard error
        })
    }));
    // Diesel leaves the transaction open: whoever catches the panic ends it.
    let open = depth(conn);
    let rolled_back = <Conn as Connection>::TransactionManager::rollback_transaction(conn);
    use diesel::connection::TransactionManager;
    Ok(json!([panicked.is_err(), open, seen(rolled_back), ids(conn)?, depth(conn)]))
}

fn many_statements(conn: &mut Conn) -> QueryResult<Value> {
    let sum = conn.transaction::<_, Error, _>(|conn| {
        for id in 1..=60 {
            add(conn, id)?;
            diesel::update(users::table.find(id)).set(users::age.eq(id)).execute(conn)?;
        }
        users::table.select(diesel::dsl::sum(users::age)).first::<Option<i64>>(conn)
    })?;
    Ok(json!([sum, users::table.count().get_result::<i64>(conn)?]))
}

fn iterating_inside(conn: &mut Conn) -> QueryResult<Value> {
    use diesel::connection::DefaultLoadingMode;
    let names = conn.transaction::<_, Error, _>(|conn| {
        insert_into(users::table).values(&rows(1..=4)).execute(conn)?;
        let ages: Vec<i32> = {
            let rows = users::table.order(users::id).load_iter::<User, DefaultLoadingMode>(conn)?;
            rows.take(3).map(|row| row.map(|user| user.age)).collect::<QueryResult<_>>()?
        };
        add(conn, 9)?;
        Ok(ages)
    })?;
    Ok(json!([names, ids(conn)?]))
}

fn one_after_the_other(conn: &mut Conn) -> QueryResult<Value> {
    let mut results = Vec::new();
    for id in [1, 2, 1, 3] {
        results.push(seen(conn.transaction(|conn| add(conn, id))));
    }
    Ok(json!([results, ids(conn)?]))
}
