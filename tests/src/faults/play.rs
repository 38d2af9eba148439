//! What each fault is in terms of processes and networks, and its end.

use std::time::Duration;

use super::schedule::{Cut, Fault, Refused, Step, Whose};
use super::stage::{Failure, NODES, Stage};
use crate::cluster::{Peer, Traffic};
use crate::proxy::Link;
use crate::wait::PATIENCE;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Played {
    /// It happened: to whom, or between whom.
    Happened(String),
    /// It did not, and why.
    Not(String),
}

impl Stage {
    /// Does what a step says, and undoes it.
    ///
    /// # Errors
    /// When it could not be done or undone, though nothing had ended by itself.
    pub fn play(&self, step: &Step) -> Result<Played, Failure> {
        let primary = self.cluster().wait_primary(PATIENCE)?;
        let others: Vec<_> = (0..NODES).filter(|&node| node != primary).collect();
        let replica = others[step.choice as usize % others.len()];
        let node = |whose| if whose == Whose::Primary { primary } else { replica };
        let last = || std::thread::sleep(step.lasts);
        let cluster = self.cluster();
        self.deaths.next_fault();
        Ok(Played::Happened(match step.fault {
            Fault::HandOff => match cluster.promote(replica) {
                Ok(()) => format!("from {primary} to {replica}"),
                // LiteFS gives up by itself when the two do not agree in time.
                Err(error) => {
                    let error = error.to_string();
                    let error = error.lines().next().unwrap_or_default();
                    return Ok(Played::Not(format!("from {primary} to {replica}, refused: {error}")));
                }
            },
            Fault::KillLitefs(whose) | Fault::StopLitefs(whose) => {
                let node = node(whose);
                if cluster.has_ended(node) {
                    return Ok(Played::Not(format!("LiteFS of {node} had ended by itself")));
                }
                if matches!(step.fault, Fault::KillLitefs(_)) {
                    cluster.kill_litefs(node)?;
                } else {
                    cluster.stop_litefs(node)?;
                }
                last();
                self.start_litefs(node)?;
                node.to_string()
            }
            Fault::PauseLitefs(whose) => {
                let node = node(whose);
                if cluster.has_ended(node) {
                    return Ok(Played::Not(format!("LiteFS of {node} had ended by itself")));
                }
                cluster.pause(node)?;
                last();
                cluster.resume(node)?;
                node.to_string()
            }
            Fault::KillApp(whose) | Fault::StopApp(whose) | Fault::PauseApp(whose) => {
                let node = node(whose);
                let app = &self.apps()[node];
                if let Some(how) = app.ended() {
                    return Ok(Played::Not(format!("the application of {node} had ended by itself: {how}")));
                }
                match step.fault {
                    Fault::KillApp(_) => app.kill()?,
                    Fault::StopApp(_) => app.stop()?,
                    _ => app.pause()?,
                }
                last();
                match step.fault {
                    Fault::PauseApp(_) => app.resume()?,
                    _ => self.start_app(node)?,
                }
                node.to_string()
            }
            Fault::StopConsul => {
                cluster.consul().stop()?;
                last();
                cluster.consul().start()?;
                String::new()
            }
            Fault::PauseConsul => {
                cluster.consul().pause()?;
                last();
                cluster.consul().resume()?;
                String::new()
            }
            Fault::SilenceConsul => {
                cluster.silence_consul()?;
                last();
                cluster.heal()?;
                String::new()
            }
            Fault::Cut(whose, cut, refused) => {
                let (from, traffic) = match cut {
                    Cut::Off => (Peer::All, Traffic::Any),
                    Cut::Nodes => (Peer::Nodes, Traffic::Any),
                    Cut::Apps => (Peer::Nodes, Traffic::Application),
                    Cut::Litefs => (Peer::Nodes, Traffic::Litefs),
                };
                cluster.partition(node(whose), from, traffic, refused.how())?;
                last();
                cluster.heal()?;
                node(whose).to_string()
            }
            Fault::TwoPrimaries => {
                // The replicas look for another only when they hear that this one is gone.
                cluster.partition(primary, Peer::Consul, Traffic::Any, Refused::Silently.how())?;
                cluster.partition(primary, Peer::Nodes, Traffic::Litefs, Refused::Loudly.how())?;
                let other = cluster.wait_primary_beside(primary, Duration::from_secs(12));
                last();
                cluster.heal()?;
                match other {
                    Ok(other) => format!("{primary} and {other}"),
                    Err(_) => return Ok(Played::Not(format!("no other than {primary} was elected"))),
                }
            }
            Fault::SlowLinks => {
                let slow = Link {
                    delay: Duration::from_millis(40),
                    bytes_per_second: Some(100_000),
                    loss: Some(50),
                    ..Link::default()
                };
                self.links.values().for_each(|link| link.set(slow));
                last();
                self.links.values().for_each(|link| link.set(Link::default()));
                String::new()
            }
            Fault::BusyReaders => {
                let millis = step.lasts.as_millis() as u64;
                let patience = step.lasts + PATIENCE;
                let reading = |node: usize| {
                    let app = &self.apps()[node];
                    match app.call_within::<u64>(patience, "faults_readers", (5, millis)) {
                        // One that ends by itself meanwhile is looked at by whoever waits for recovery.
                        Err(_) if app.ended().is_some() => Ok(0),
                        reads => reads,
                    }
                };
                let reads = std::thread::scope(|scope| {
                    let reading: Vec<_> =
                        others.iter().map(|&node| scope.spawn(move || reading(node))).collect();
                    let reads = reading.into_iter().map(|reads| reads.join().expect("it does not panic"));
                    reads.collect::<Result<Vec<_>, _>>()
                })?;
                if reads.contains(&0) {
                    return Ok(Played::Not(format!("{reads:?} reads")));
                }
                format!("{reads:?} reads")
            }
        }))
    }
}
