//! How many connections there may be: in all, from one address, and of those who are not known yet.
//!
//! Asked once for each connection, before TLS and before there is a task for it, so that refusing costs a hash and
//! closing a socket. What it keeps of an address is there while the address holds a connection or has used up some
//! of its rate, so there are never more of them than connections and handshakes of two seconds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::reason::Reason;
use crate::config::LimitSettings;
use crate::recent::Recent;

/// What of a bound is kept for addresses from which a peer was let in before.
const KEPT: usize = 4;

/// How many of those addresses are remembered.
const REMEMBERED: usize = 1024;

/// All places for connections of one server.
pub(super) struct Seats {
    limits: LimitSettings,
    rate: Rate,
    rate_per_address: Rate,
    taken: Mutex<Taken>,
}

struct Taken {
    handshakes: usize,
    known: usize,
    /// When the whole rate is there again.
    rested: Instant,
    /// Hashed with a secret of the process: strangers choose the keys.
    networks: HashMap<Network, Visitor>,
    /// From where a peer was let in.
    proven: Recent<Network, ()>,
}

/// Of one address.
struct Visitor {
    connections: usize,
    /// When its whole rate is there again.
    rested: Instant,
}

/// A connection's place, until it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    network: Network,
    known: bool,
}

impl Seats {
    pub(super) fn new(limits: &LimitSettings) -> Arc<Self> {
        let taken = Taken {
            handshakes: 0,
            known: 0,
            rested: Instant::now(),
            networks: HashMap::new(),
            proven: Recent::new(REMEMBERED),
        };
        Arc::new(Self {
            rate: Rate::new(limits.handshake_rate),
            rate_per_address: Rate::new(limits.handshake_rate_per_address),
            limits: limits.clone(),
            taken: Mutex::new(taken),
        })
    }

    /// A place for a new connection from there, of which is not known yet who it is.
    pub(super) fn take(self: &Arc<Self>, from: IpAddr, now: Instant) -> Result<Seat, Reason> {
        let network = Network::of(from);
        let mut guard = self.taken.lock();
        let taken = &mut *guard;
        let (held, rested) =
            taken.networks.get(&network).map_or((0, now), |visitor| (visitor.connections, visitor.rested));
        if held >= self.limits.connections_per_address {
            return Err(Reason::Address);
        }
        // Before what is everybody's, so that a flood from one address uses none of that up.
        let visitor_rested = self.rate_per_address.after(rested, now, 0).ok_or(Reason::AddressRate)?;
        let strange = taken.proven.get(&network).is_none();
        let kept = |of: usize| if strange { of / KEPT } else { 0 };
        if taken.handshakes >= self.limits.handshakes - kept(self.limits.handshakes) {
            return Err(Reason::Handshakes);
        }
        let kept = kept(self.limits.handshake_rate);
        taken.rested = self.rate.after(taken.rested, now, kept).ok_or(Reason::Rate)?;
        taken.handshakes += 1;
        if taken.networks.len() >= self.most_networks() {
            taken.networks.retain(|_, visitor| !visitor.is_forgotten(now));
        }
        taken.networks.insert(network, Visitor { connections: held + 1, rested: visitor_rested });
        drop(guard);
        Ok(Seat { seats: Arc::clone(self), network, known: false })
    }

    /// Those that hold a connection, and those that had one in the last second: what is used of a rate is there
    /// again after one.
    fn most_networks(&self) -> usize {
        self.limits.connections + self.limits.handshakes + 2 * self.limits.handshake_rate
    }
}

impl Seat {
    /// It is known who is there: the place of a stranger is free again, and one of a peer is taken. Where it came
    /// from is remembered as a peer's address.
    ///
    /// `false` when there is none of a peer.
    pub(super) fn is_peers(&mut self) -> bool {
        let mut taken = self.seats.taken.lock();
        taken.proven.insert(self.network, ());
        if taken.known >= self.seats.limits.connections {
            return false;
        }
        if !self.known {
            taken.handshakes -= 1;
            taken.known += 1;
            self.known = true;
        }
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        if self.known {
            taken.known -= 1;
        } else {
            taken.handshakes -= 1;
        }
        if let Some(visitor) = taken.networks.get_mut(&self.network) {
            visitor.connections -= 1;
            if visitor.is_forgotten(Instant::now()) {
                taken.networks.remove(&self.network);
            }
        }
    }
}

impl Visitor {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.connections == 0 && self.rested <= now
    }
}

/// Where a connection comes from, as far as one who has one address has it alone: an IPv4 address, or the 64 bits that
/// an IPv6 network is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6(u64),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            #[expect(clippy::cast_possible_truncation, reason = "the upper half is what is left")]
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// So many a second, and as many at once after a second of quiet. Who used some of it has one instant to remember:
/// when all of it is there again.
struct Rate {
    /// How much of a second one takes.
    each: Duration,
}

impl Rate {
    fn new(a_second: usize) -> Self {
        Self { each: Duration::from_secs(1) / u32::try_from(a_second).unwrap_or(u32::MAX).max(1) }
    }

    /// When all is there again after one more, of which `kept` are not for this one; `None` when there is no more.
    fn after(&self, rested: Instant, now: Instant, kept: usize) -> Option<Instant> {
        let after = rested.max(now) + self.each;
        let kept = self.each * u32::try_from(kept).unwrap_or(u32::MAX);
        (after + kept <= now + Duration::from_secs(1)).then_some(after)
    }
}
