//! A fault run from its beginning to its verdict.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::checker::{Evidence, Verdict, check};
use super::clock;
use super::failovers::Failovers;
use super::load::Orders;
use super::play::Played;
use super::record::Process;
use super::report::Report;
use super::schedule::{Fault, Schedule};
use super::stage::{DATABASE, Failure, Stage};
use super::work::Level;
use crate::cluster::{Cluster, ConsulLease};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The same seed gives the same faults (backwards with `resubmit`) and, as far as time allows, the
    /// same writes.
    pub seed: u64,
    /// Which faults: all of them in some order, and again.
    pub kinds: Vec<Fault>,
    /// How many at least.
    pub faults: usize,
    /// For how long at least.
    pub lasts: Duration,
    /// Whether lost writes are sent again, instead of only being reported.
    pub resubmit: bool,
    /// Whether a primary needs a majority (`fence = "majority"`), instead of writing until it hears of
    /// another.
    pub majority: bool,
    /// The levels at which the applications write, and how often.
    pub levels: Vec<(u64, Level)>,
    /// Where the records go; removed when the run passes.
    pub folder: PathBuf,
}

/// So many faults, and one in five of the others, may fail to happen.
const MISSED: usize = 4;

/// How long after the last fault lost writes may take to be reported or sent again.
const AFTERMATH: Duration = Duration::from_secs(30);

/// Runs it; `binary` is the application's program.
///
/// # Errors
/// When something is violated, or the cluster does not recover: the text has the seed, the counts and
/// where the records are.
pub fn run(plan: &Plan, binary: &str) -> Result<Report, String> {
    let mut run = Run::new(plan).map_err(|error| format!("{}: {error}", plan.folder.display()))?;
    let played = run.play(binary);
    let report = &run.report;
    let _ = fs::write(plan.folder.join("report.txt"), report.to_string());
    let failed = match played {
        Err(error) => error.to_string(),
        Ok(()) => match report.failure() {
            Some(why) => why.to_owned(),
            None => {
                let _ = fs::remove_dir_all(&plan.folder);
                return Ok(run.report);
            }
        },
    };
    Err(format!("{failed}\nseed {}; records: {}\n{report}", plan.seed, plan.folder.display()))
}

struct Run<'a> {
    plan: &'a Plan,
    begun: Instant,
    timeline: Mutex<fs::File>,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> std::io::Result<Self> {
        // An earlier run of the same seed is no part of this one.
        let _ = fs::remove_dir_all(&plan.folder);
        fs::create_dir_all(plan.folder.join("records"))?;
        let timeline = Mutex::new(fs::File::create(plan.folder.join("timeline.txt"))?);
        let report = Report { seed: plan.seed, majority: plan.majority, ..Report::default() };
        Ok(Self { plan, begun: Instant::now(), timeline, report })
    }

    fn play(&mut self, binary: &str) -> Result<(), Failure> {
        let orders = Orders::new(self.plan.seed, &self.plan.levels);
        self.say(&format!("seed {}", self.plan.seed));
        let stage = Stage::set(binary, ConsulLease::default().in_namespaces(), |settings| {
            settings.record = Some(self.records());
            settings.resubmit = self.plan.resubmit;
            settings.majority = self.plan.majority;
            settings.log = Some("warn".to_owned());
        })?;
        stage.start_load(orders)?;
        let failovers = Failovers::default();
        let moved = |from, to| stage.deaths.moved(from, to);
        let faults = failovers.watched(stage.cluster(), moved, || self.faults(&stage));
        let played = faults.and_then(|()| {
            // Something may have ended by itself in the last rest.
            stage.recover()?;
            self.report.verdict = settle(&stage, &self.records(), self.plan.resubmit)?;
            self.say("checked");
            Ok(())
        });
        self.report.took = self.begun.elapsed();
        self.report.deaths = stage.deaths();
        self.report.unexplained = stage.deaths.unexplained(self.report.happened());
        let processes = Process::read_all(&self.records())?;
        let there = stage.tags(0).unwrap_or_default().into_iter().collect();
        self.report.failovers = failovers.first_writes(&processes, &there);
        self.report.count(&processes);
        self.report.look_for_untried(&self.plan.kinds);
        if played.is_err() || self.report.failure().is_some() {
            self.keep_logs(stage.cluster());
        }
        played
    }

    fn faults(&mut self, stage: &Stage) -> Result<(), Failure> {
        stage.recover()?;
        self.say("all runs");
        let schedule = Schedule::new(self.plan.seed, &self.plan.kinds).backwards(self.plan.resubmit);
        for step in schedule {
            if self.report.happened() >= self.plan.faults && self.begun.elapsed() >= self.plan.lasts {
                break;
            }
            let fault = step.fault.to_string();
            self.say(&format!("{fault}, {} ms", step.lasts.as_millis()));
            let whose = match stage.play(&step).map_err(|error| format!("{fault}: {error}"))? {
                Played::Happened(whose) => {
                    *self.report.faults.entry(fault.clone()).or_default() += 1;
                    whose
                }
                Played::Not(why) => {
                    let text = format!("did not happen: {why}");
                    self.report.missed.push((fault.clone(), why));
                    text
                }
            };
            let recovered = stage.recover().map_err(|error| format!("after {fault}: {error}"))?;
            self.say(&format!("    {whose}; {recovered}"));
            if self.report.missed.len() > MISSED + self.report.happened() / 5 {
                return Err("too many faults did not happen".into());
            }
            self.report.recoveries.push(recovered.took);
            std::thread::sleep(step.rest);
        }
        Ok(())
    }

    fn records(&self) -> PathBuf {
        self.plan.folder.join("records")
    }

    /// The servers' and the applications' words, before they are gone with the cluster.
    fn keep_logs(&self, cluster: &Cluster) {
        for node in 0..cluster.len() {
            let _ = fs::write(self.plan.folder.join(format!("litefs-{node}.log")), cluster.log(node));
        }
        let _ = fs::write(self.plan.folder.join("consul.log"), cluster.consul().log());
        for file in fs::read_dir(cluster.dir()).into_iter().flatten().flatten() {
            if file.path().extension().is_some_and(|extension| extension == "log") {
                let _ = fs::copy(file.path(), self.plan.folder.join(file.file_name()));
            }
        }
    }

    #[expect(clippy::print_stderr, reason = "a long run shows how far it is")]
    fn say(&self, what: &str) {
        let line = format!("{:7.1} s  {:15}  {what}", self.begun.elapsed().as_secs_f64(), clock::now());
        eprintln!("{line}");
        let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(timeline, "{line}");
    }
}

/// How long after all is as promised it must still be: an attempt that sat somewhere, or a write sent again, would
/// have arrived.
const AFTER_ALL: Duration = Duration::from_secs(2);

/// Ends the load of a stage and checks what there is. What was lost may take its time to be told, and
/// so may the ledger's own housekeeping to be the same everywhere. What is as promised has to stay so.
///
/// # Errors
/// When the load does not end, or the nodes do not come to agree.
pub fn settle(stage: &Stage, records: &Path, resubmit: bool) -> Result<Verdict, Failure> {
    stage.stop_load()?;
    let deadline = Instant::now() + AFTERMATH;
    let mut clean = None;
    loop {
        stage.cluster().wait_settled(DATABASE, AFTERMATH)?;
        let processes = Process::read_all(records)?;
        let verdict = check(&Evidence { processes, nodes: stage.contents()?, resubmit });
        if verdict.violations.is_empty() {
            if clean.get_or_insert_with(Instant::now).elapsed() >= AFTER_ALL {
                return Ok(verdict);
            }
        } else if clean.is_some() || Instant::now() > deadline {
            // What was clean and is not any more does not become so by waiting.
            return Ok(verdict);
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
