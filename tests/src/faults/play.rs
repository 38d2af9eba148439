//! What each fault is in terms of processes and networks, and its end.

use std::time::Duration;

use super::schedule::{Cut, Fault, Refused, Step, Whose};
use super::stage::{Failure, NODES, Stage};
use crate::cluster::{ClusterError, Peer, Traffic};
use crate::proxy::Link;
use crate::wait::PATIENCE;

impl Stage {
    /// Does what a step says, and undoes it. Returns whose it was.
    ///
    /// # Errors
    /// When it could not be done or undone.
    pub fn play(&self, step: &Step) -> Result<String, Failure> {
        let primary = self.cluster().wait_primary(PATIENCE)?;
        let others: Vec<_> = (0..NODES).filter(|&node| node != primary).collect();
        let replica = others[step.choice as usize % others.len()];
        let node = |whose| if whose == Whose::Primary { primary } else { replica };
        let last = || std::thread::sleep(step.lasts);
        let cluster = self.cluster();
        Ok(match step.fault {
            Fault::HandOff => match cluster.promote(replica) {
                Ok(()) => format!("from {primary} to {replica}"),
                // LiteFS gives up by itself when the two do not agree in time.
                Err(error) => format!("from {primary} to {replica}, refused: {error}"),
            },
            Fault::KillLitefs(whose) => {
                self.unless_ended(node(whose), cluster.kill_litefs(node(whose)))?;
                last();
                self.start_litefs(node(whose))?;
                node(whose).to_string()
            }
            Fault::StopLitefs(whose) => {
                self.unless_ended(node(whose), cluster.stop_litefs(node(whose)).map(drop))?;
                last();
                self.start_litefs(node(whose))?;
                node(whose).to_string()
            }
            Fault::PauseLitefs(whose) => {
                self.unless_ended(node(whose), cluster.pause(node(whose)))?;
                last();
                self.unless_ended(node(whose), cluster.resume(node(whose)))?;
                node(whose).to_string()
            }
            Fault::KillApp(whose) | Fault::StopApp(whose) => {
                let app = &self.apps()[node(whose)];
                let done = if matches!(step.fault, Fault::KillApp(_)) { app.kill() } else { app.stop() };
                match done {
                    Err(error) if app.ended().is_none() => return Err(error.into()),
                    // By itself, at that very moment.
                    Err(_) => self.supervise(node(whose))?,
                    Ok(()) => {
                        last();
                        self.start_app(node(whose))?;
                    }
                }
                node(whose).to_string()
            }
            Fault::PauseApp(whose) => {
                let app = &self.apps()[node(whose)];
                app.pause()?;
                last();
                app.resume()?;
                node(whose).to_string()
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
                let other = other.map_or_else(|_| "no other".to_owned(), |other| other.to_string());
                format!("{primary} and {other}")
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
                std::thread::scope(|scope| {
                    let reading = others.iter().map(|&node| {
                        let app = &self.apps()[node];
                        scope.spawn(move || app.call_within::<u64>(patience, "faults_readers", (5, millis)))
                    });
                    let reading: Vec<_> = reading.collect();
                    let reads = reading.into_iter().map(|reads| reads.join().expect("it does not panic"));
                    reads.collect::<Result<Vec<_>, _>>()
                })
                .map(|reads| format!("{reads:?} reads"))?
            }
        })
    }

    /// LiteFS may end by itself at the very moment at which it is to be stopped: a fault, too.
    fn unless_ended(&self, node: usize, done: Result<(), ClusterError>) -> Result<(), ClusterError> {
        done.or_else(|error| if self.cluster().has_ended(node) { Ok(()) } else { Err(error) })
    }
}
