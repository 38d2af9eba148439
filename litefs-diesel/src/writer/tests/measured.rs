//! What the ledger costs, on a plain file: where a commit is cheap, its share is largest.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::request::Stamp;

/// As the router does: each write under its own number, with all that are over forgotten.
async fn rate(callers: usize, ledger: bool) -> f64 {
    let change = |config: Config| if ledger { config } else { config.without_ledger() };
    let bench =
        bench_of(true, |repo| repo.busy_timeout(Duration::from_secs(5)), change, |_| Ok(()), Fake::new());
    bench.writer.register().await;
    let (done, forgotten) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let until = Instant::now() + Duration::from_millis(1_500);
    let started = Instant::now();
    let calls = (0..callers).map(|_| {
        let (writer, done, forgotten) = (bench.writer.clone(), done.clone(), forgotten.clone());
        tokio::spawn(async move {
            while Instant::now() < until {
                let stamp = writer.stamp();
                let stamp = Stamp { forgotten: forgotten.load(Ordering::Relaxed), ..stamp };
                let text = "INSERT INTO child (parent) VALUES (NULL)";
                let write = Write::of(vec![Statement { cacheable: true, ..sql(text) }]);
                writer.run(stamp, write).await.unwrap();
                done.fetch_add(1, Ordering::Relaxed);
                let over = stamp.id.sequence.saturating_sub(2 * callers as u64);
                forgotten.fetch_max(over, Ordering::Relaxed);
            }
        })
    });
    for call in futures::future::join_all(calls).await {
        call.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures: cargo test --release -p litefs-diesel --lib -- --ignored measured_ --nocapture"]
async fn measured_cost_of_the_ledger() {
    for callers in [1, 64, 512] {
        // One after the other, so that what else the machine does hits both.
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..5 {
            rates[0].push(rate(callers, false).await);
            rates[1].push(rate(callers, true).await);
        }
        let [without, with] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        });
        let cost = 100.0 * (1.0 - with / without);
        let line = format!("{callers} callers: {without:.0} writes/s without, {with:.0} with: {cost:.1} %\n");
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
    }
}
