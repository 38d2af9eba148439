//! What the ledger costs, on a plain file: where a commit is cheap, its share is largest.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::request::Stamp;

/// What so many callers got done.
#[derive(Clone, Copy)]
struct Run {
    writes: f64,
    seconds: f64,
    /// Of the writer's thread, which does not count what else the machine does meanwhile.
    cpu_micros: f64,
}

/// As the router does: each write under its own number, with all that are over forgotten.
async fn run(callers: usize, ledger: bool) -> Run {
    let change = |config: Config| if ledger { config } else { config.without_ledger() };
    let patient = |repo: RepoConfig| repo.busy_timeout(Duration::from_secs(5));
    let bench = bench_of(true, patient, change, |_| Ok(()), Fake::new());
    bench.writer.register().await;
    let (done, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(BTreeSet::new())));
    let (started, cpu) = (Instant::now(), writer_cpu_nanos());
    let until = started + Duration::from_secs(1);
    let calls = (0..callers).map(|_| {
        let (writer, done, open) = (bench.writer.clone(), done.clone(), open.clone());
        tokio::spawn(async move {
            while Instant::now() < until {
                let stamp = {
                    let mut open = open.lock().unwrap();
                    let stamp = writer.stamp();
                    open.insert(stamp.id.sequence);
                    Stamp { forgotten: open.first().unwrap() - 1, ..stamp }
                };
                let text = "INSERT INTO child (parent) VALUES (NULL)";
                let write = Write::of(vec![Statement { cacheable: true, ..sql(text) }]);
                writer.run(stamp, write).await.unwrap();
                open.lock().unwrap().remove(&stamp.id.sequence);
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for call in futures::future::join_all(calls).await {
        call.unwrap();
    }
    let cpu_micros = (writer_cpu_nanos() - cpu) / 1e3;
    Run { writes: done.load(Ordering::Relaxed) as f64, seconds: started.elapsed().as_secs_f64(), cpu_micros }
}

/// How long the writer's thread was on a processor, of this process's only writer.
fn writer_cpu_nanos() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let writer = tasks.map(|task| task.path()).find(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("writer "))
    });
    let stat = std::fs::read_to_string(writer.unwrap().join("schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: cargo test --release -p litefs-diesel --lib -- --ignored measured_ --nocapture"]
async fn measured_cost_of_the_ledger() {
    for callers in [1, 64, 512] {
        // One after the other, so that what else the machine does hits both.
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..7 {
            runs[0].push(run(callers, false).await);
            runs[1].push(run(callers, true).await);
        }
        let [without, with] = runs.each_ref().map(|runs| median(runs, |run| run.writes / run.seconds));
        let [cpu_without, cpu_with] =
            runs.each_ref().map(|runs| median(runs, |run| run.cpu_micros / run.writes));
        let cost = 100.0 * (1.0 - with / without);
        let line = format!(
            "{callers} callers: {without:.0} writes/s without, {with:.0} with: {cost:.1} %; \
             {cpu_without:.2} us a write without, {cpu_with:.2} with\n"
        );
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
}
