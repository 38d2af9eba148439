//! Results that are too large.

use super::*;
use crate::request::{ProcedureCall, Work};

/// So many rows of so many bytes each.
fn series(rows: usize, bytes: usize) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         SELECT zeroblob({bytes}) AS a FROM n"
    )
}

fn returning(rows: usize, bytes: usize) -> Statement {
    let sql = format!("INSERT INTO t (a) {} WHERE true RETURNING a", series(rows, bytes));
    Statement { want: Want::Rows, ..plain(&sql) }
}

fn limits() -> LimitSettings {
    LimitSettings { result_rows: 10, result_bytes: 1_000, ..LimitSettings::default() }
}

/// What is too large, and the bound that it is over.
const LARGE: [(usize, usize, &str, usize); 3] = [
    (11, 1, "limits.result_rows", 10),
    (2, 600, "limits.result_bytes", 1_000),
    // A value as large as SQLite takes: it is refused before it is copied.
    (1, 900_000_000, "limits.result_bytes", 1_000),
];

#[tokio::test]
async fn a_write_whose_result_is_too_large_is_taken_back_and_the_error_names_the_bound() {
    let bench = Bench::start(limits()).await;
    let (client, other) = (connect(&bench.node).await, connect(&bench.node).await);
    let insert = || Statement { want: Want::Count, ..plain("INSERT INTO t (a) VALUES (1)") };
    for (rows, bytes, setting, most) in &LARGE[..2] {
        // What it did before that is taken back with it, and its neighbours in the group are not.
        let large = ask(&client, writes(vec![insert(), returning(*rows, *bytes)]));
        let (large, neighbour) = tokio::join!(large, ask(&other, writes(vec![insert()])));
        let bound = Bound::new(setting, *most);
        assert_eq!(large, Err(Refusal::Rejected(bound.clone().into())));
        let error = large.unwrap_err().into_error("a");
        assert!(matches!(&error, Error::NotExecuted(NotExecuted::TooLarge(is)) if *is == bound), "{error}");
        neighbour.unwrap();
    }
    assert_eq!(bench.count().await, 2);
    // All statements of a request together.
    let many = ask(&client, writes(vec![returning(6, 1), returning(6, 1)])).await;
    assert_eq!(many, Err(Refusal::Rejected(Bound::new("limits.result_rows", 10).into())));
    assert!(ask(&client, writes(vec![returning(5, 1), returning(3, 1)])).await.is_ok());
    assert_eq!(bench.count().await, 10);
}

#[tokio::test]
async fn a_read_whose_result_is_too_large_is_refused_by_name() {
    let bench = Bench::start(limits()).await;
    let (client, other) = (connect(&bench.node).await, connect(&bench.node).await);
    for (rows, bytes, setting, most) in LARGE {
        let refused = ask(&client, read(&series(rows, bytes))).await.unwrap_err();
        assert_eq!(refused, Refusal::Read(Bound::new(setting, most).into()));
        let error = refused.into_error("a");
        assert!(matches!(error, Error::NotExecuted(NotExecuted::TooLarge(_))), "{error}");
        assert!(ask(&other, read(&series(10, 90))).await.is_ok());
    }
}

#[tokio::test]
async fn in_an_open_transaction_the_statement_is_taken_back_and_the_transaction_goes_on() {
    let bench = Bench::start(limits()).await;
    let client = connect(&bench.node).await;
    ask(&client, begin(1)).await.unwrap();
    let run = |statement| ask(&client, Request::Step { transaction: 1, statement: Cow::Owned(statement) });
    for (rows, bytes, setting, most) in &LARGE[..2] {
        for statement in
            [returning(*rows, *bytes), Statement { want: Want::Rows, ..plain(&series(*rows, *bytes)) }]
        {
            let Ok(Reply::Step(step)) = run(statement).await else { panic!("no step") };
            assert!(step.open);
            assert_eq!(step.result, Err(Bound::new(setting, *most).into()));
        }
    }
    // One that fails by itself is as ever, and so is what it had done until then.
    let fails = Statement {
        want: Want::Rows,
        ..plain("INSERT OR FAIL INTO t (id, a) VALUES (7, 1), (7, 2) RETURNING a")
    };
    let Ok(Reply::Step(step)) = run(fails).await else { panic!("no step") };
    assert!(step.open && step.result.is_err());
    let Ok(Reply::Step(step)) = run(returning(3, 1)).await else { panic!("no step") };
    assert!(step.open && step.result.is_ok_and(|outcome| outcome.count == 3));
    assert!(matches!(ask(&client, commit_of(1)).await, Ok(Reply::Committed(_))));
    assert_eq!(bench.count().await, 4);
}

#[tokio::test]
async fn a_procedure_that_returns_too_much_is_taken_back() {
    let bench = Bench::start(limits()).await;
    let client = connect(&bench.node).await;
    let run = |conn: &mut SqliteConnection, args: &[u8]| {
        conn.batch_execute("INSERT INTO t (a) VALUES (1)")?;
        Ok(crate::request::Reply::Ok(vec![0; usize::from(args[0]) * 100]))
    };
    bench.procedures.register("export", 1, Arc::new(run));
    let call = |hundreds| {
        let Request::Write { repo, mut request } = writes(vec![]) else { unreachable!() };
        let call = ProcedureCall { name: "export".into(), version: 1, args: vec![hundreds] };
        request.to_mut().ask = Ask::Run(Write { work: Work::Call(call), ..Write::of(vec![]) });
        Request::Write { repo, request }
    };
    let bound = Bound::new("limits.result_bytes", 1_000);
    assert_eq!(ask(&client, call(11)).await, Err(Refusal::Rejected(bound.into())));
    assert_eq!(bench.count().await, 0);
    assert!(ask(&client, call(10)).await.is_ok());
    assert_eq!(bench.count().await, 1);
}
