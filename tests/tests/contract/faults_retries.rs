//! A write whose connection is cut, at each point of its way: the library sends it again under its id,
//! and its caller gets the first result, of the one time that it ran.

use std::time::Duration;

use litefs_diesel_tests::app::{AppError, AppProcess};
use litefs_diesel_tests::cluster::Lease;
use litefs_diesel_tests::faults::record::{Class, End, Given};
use litefs_diesel_tests::faults::single::{call, insert, rows, stage};
use litefs_diesel_tests::faults::stage::Stage;
use litefs_diesel_tests::faults::work::{Attempt, Level, Way, Work};
use litefs_diesel_tests::proxy::Proxy;
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Longer than everything that happens to a write here.
const AMPLE: u64 = 20_000;

/// Half of the way there and back, while the link is slow.
const WAY: Duration = Duration::from_millis(400);

const WAYS: [Way; 8] = [
    Way::Method,
    Way::Batch,
    Way::Procedure,
    Way::Connection,
    Way::Transaction,
    Way::Retrying,
    Way::Keyed,
    Way::KeyedProcedure,
];

fn ways() -> impl Iterator<Item = Way> {
    WAYS.into_iter()
}

fn by(tag: i64, way: Way) -> Attempt {
    let work = if way == Way::Batch { Work::Increment(1) } else { Work::Insert(1) };
    Attempt { tag, work, way, level: Level::Visible, timeout_ms: AMPLE }
}

/// The id of the row with this tag, of which there is one.
fn id(stage: &Stage, tag: i64) -> i64 {
    assert_eq!(rows(stage, tag), 1, "{tag}");
    let sql = format!("SELECT id AS n FROM fault_entries WHERE tag = {tag}");
    stage.apps()[0].call::<Option<i64>>("number", sql).unwrap().unwrap()
}

/// It ran once, and its caller has what that one time returned.
fn assert_first_result(stage: &Stage, way: Way, end: &End) {
    assert_eq!(end.class, Class::Value, "{way:?}: {end:?}");
    let id = id(stage, end.tag);
    let first = if way == Way::Batch { Given::Counts(vec![1, 1]) } else { Given::Id(id) };
    assert_eq!(end.given, Some(first), "{way:?}");
}

/// On which calls of a connection may take as long as all others.
fn patient() -> Stage {
    stage(APP, Lease::consul(), |settings| settings.timeout_ms = AMPLE)
}

/// LiteFS gives a hand-off up by itself when the two do not agree in time, and may end over one.
fn hand_to(stage: &Stage, node: usize) {
    wait::until(PATIENCE, || stage.revive().and_then(|()| stage.cluster().promote(node))).unwrap();
}

/// What `faults_id` gives.
fn ask(app: &AppProcess, tag: i64, key: Option<&str>) -> Result<i64, AppError> {
    app.call_within(PATIENCE, "faults_id", (tag, AMPLE, key))
}

/// Committed on the primary, whoever knows it by then.
fn wait_committed(stage: &Stage, tag: i64) {
    let there = || if stage.tags(0).unwrap().contains(&tag) { Ok(()) } else { Err("it is not there") };
    wait::until(PATIENCE, there).unwrap();
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_that_cannot_be_sent_is_sent_when_it_can() {
    let stage = patient();
    let link = stage.link(1, 0);
    for (tag, way) in (1..).zip(ways()) {
        link.cut();
        let end = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| call(&stage, 1, &by(tag, way)));
            std::thread::sleep(WAY);
            assert!(!waiting.is_finished());
            assert!(!stage.tags(0).unwrap().contains(&tag));
            link.open();
            waiting.join().unwrap()
        });
        assert_first_result(&stage, way, &end);
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_that_was_lost_on_its_way_is_sent_again() {
    let stage = patient();
    let link = stage.link(1, 0);
    for (tag, way) in (1..).zip(ways()) {
        link.set_delay(WAY);
        let end = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| call(&stage, 1, &by(tag, way)));
            std::thread::sleep(WAY / 2);
            link.cut();
            assert!(!stage.tags(0).unwrap().contains(&tag));
            link.set_delay(Duration::ZERO);
            link.open();
            waiting.join().unwrap()
        });
        if way == Way::Transaction && end.class == Class::NotExecuted {
            // Several calls: one that is cut off before its commit was sent has not run, and cannot be begun
            // again without its closure.
            assert_eq!(rows(&stage, tag), 0, "{end:?}");
        } else {
            assert_first_result(&stage, way, &end);
        }
    }
}

/// How a write ends to which that happens when it is committed and its answer is on its way.
fn unanswered(stage: &Stage, link: &Proxy, tag: i64, way: Way, happens: impl FnOnce()) -> End {
    link.set_delay(WAY);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| call(stage, 1, &by(tag, way)));
        wait_committed(stage, tag);
        happens();
        waiting.join().unwrap()
    })
}

/// Ends what there is on it, and lets what comes pass at once.
fn reopen(link: &Proxy) {
    link.cut();
    link.set_delay(Duration::ZERO);
    link.open();
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_whose_answer_is_lost_gives_its_first_result() {
    let stage = patient();
    let link = stage.link(1, 0);
    for (tag, way) in (1..).zip(ways()) {
        let end = unanswered(&stage, link, tag, way, || reopen(link));
        assert_first_result(&stage, way, &end);
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_whose_primary_dies_before_it_answers_gives_its_first_result() {
    let stage = patient();
    let link = stage.link(1, 0);
    for (tag, way) in (1..).zip(ways()) {
        let end = unanswered(&stage, link, tag, way, || {
            stage.apps()[0].kill().unwrap();
            reopen(link);
            stage.start_app(0).unwrap();
        });
        assert_first_result(&stage, way, &end);
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_whose_primary_moves_before_it_answers_gives_its_first_result() {
    let stage = patient();
    let link = stage.link(1, 0);
    for (tag, way) in (1..).zip(ways()) {
        let end = unanswered(&stage, link, tag, way, || {
            link.cut();
            hand_to(&stage, 2);
        });
        link.set_delay(Duration::ZERO);
        link.open();
        hand_to(&stage, 0);
        stage.recover().unwrap();
        assert_first_result(&stage, way, &end);
    }
}

/// A first attempt that comes when its caller has long been told something else does not run beside
/// what its caller did next.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_that_was_stuck_runs_once_or_not_at_all() {
    let stage = patient();
    let link = stage.link(1, 0);
    for (tag, way) in (1..).zip(ways()) {
        link.freeze();
        let end = call(&stage, 1, &Attempt { timeout_ms: 700, ..by(tag, way) });
        link.open();
        let after = call(&stage, 1, &insert(100 + tag, Level::Visible, AMPLE));
        assert_eq!(after.class, Class::Value, "{after:?}");
        let there = rows(&stage, tag);
        match end.class {
            Class::NotExecuted => assert_eq!(there, 0, "{way:?}: {end:?}"),
            Class::Unknown => assert!(there <= 1, "{way:?}: {there} rows, {end:?}"),
            _ => panic!("{way:?}: {there} rows, {end:?}"),
        }
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_under_a_key_gives_its_first_result_to_the_process_that_comes_after() {
    let stage = patient();
    let link = stage.link(1, 0);
    link.set_delay(WAY);
    std::thread::scope(|scope| {
        let asker = &stage.apps()[1];
        let waiting = scope.spawn(|| ask(asker, 1, Some("order-4711")));
        wait_committed(&stage, 1);
        asker.kill().unwrap();
        waiting.join().unwrap().unwrap_err();
    });
    link.set_delay(Duration::ZERO);
    stage.start_app(1).unwrap();
    let first = ask(&stage.apps()[1], 1, Some("order-4711")).unwrap();
    assert_eq!(first, id(&stage, 1));
    // From any node; and not for anything else.
    assert_eq!(ask(&stage.apps()[2], 1, Some("order-4711")).unwrap(), first);
    let other = ask(&stage.apps()[2], 2, Some("order-4711")).unwrap_err().to_string();
    assert!(other.contains("order-4711"), "{other}");
    assert_eq!(rows(&stage, 2), 0);
}
