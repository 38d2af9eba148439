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
    /// It is known who is there: from now on it has a peer's place and no stranger's, or `false` when there is none
    /// of those. Either way a peer was at that address.
    pub(super) fn admit(&mut self) -> bool {
        let mut taken = self.seats.taken.lock();
        taken.proven.insert(self.network, ());
        if !self.known && taken.known < self.seats.limits.connections {
            taken.handshakes -= 1;
            taken.known += 1;
            self.known = true;
        }
        self.known
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn limits() -> LimitSettings {
        LimitSettings {
            connections_per_address: 1,
            handshake_rate: 1_000,
            handshake_rate_per_address: 1_000,
            ..LimitSettings::default()
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_an_ipv4_address_is_one_in_either_form() {
        let (seats, now) = (Seats::new(&limits()), Instant::now());
        let mut held = Vec::new();
        for (one, same, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("::ffff:198.51.100.1", "198.51.100.1", "::ffff:198.51.100.2"),
        ] {
            held.push(seats.take(ip(one), now).ok().unwrap());
            assert_eq!(seats.take(ip(same), now).err(), Some(Reason::Address), "{one}");
            held.push(seats.take(ip(other), now).ok().unwrap());
        }
        drop(held);
        assert!(seats.take(ip("2001:db8:1:2::9"), now).is_ok(), "its place is free again");
    }

    #[test]
    fn a_rate_is_there_again_after_a_second_and_bit_by_bit() {
        let rate = Rate::new(4);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rested = start;
        for _ in 0..4 {
            rested = rate.after(rested, start, 0).unwrap();
        }
        assert_eq!(rate.after(rested, start, 0), None);
        assert_eq!(rate.after(rested, at(249), 0), None);
        rested = rate.after(rested, at(250), 0).unwrap();
        assert_eq!(rate.after(rested, at(250), 0), None);
        // However long it was quiet, no more than that.
        for _ in 0..4 {
            rested = rate.after(rested, at(60_000), 0).unwrap();
        }
        assert_eq!(rate.after(rested, at(60_000), 0), None);
    }

    #[test]
    fn a_quarter_of_each_is_kept_for_addresses_of_peers() {
        let limits = LimitSettings { handshakes: 8, handshake_rate: 100, ..limits() };
        let (seats, now) = (Seats::new(&limits), Instant::now());
        let mut peer = seats.take(ip("192.0.2.200"), now).ok().unwrap();
        assert!(peer.admit());
        drop(peer);
        let strangers: Vec<_> = (0..8).map(|i| seats.take(ip(&format!("192.0.2.{i}")), now)).collect();
        assert_eq!(strangers.iter().filter(|seat| seat.is_ok()).count(), 6);
        assert!(matches!(strangers[7], Err(Reason::Handshakes)));
        assert!(seats.take(ip("192.0.2.200"), now).is_ok());

        let seats = Seats::new(&LimitSettings { handshake_rate: 8, ..limits.clone() });
        let now = Instant::now();
        let mut peer = seats.take(ip("192.0.2.200"), now).ok().unwrap();
        assert!(peer.admit());
        drop(peer);
        let passed = (0..8).filter(|i| seats.take(ip(&format!("192.0.2.{i}")), now).is_ok()).count();
        assert_eq!(passed, 5, "six, of which the peer had one");
        assert!(seats.take(ip("192.0.2.200"), now).is_ok());
    }

    #[test]
    fn a_bound_of_one_keeps_nothing_back() {
        let limits =
            LimitSettings { handshakes: 1, handshake_rate: 1, handshake_rate_per_address: 1, ..limits() };
        assert!(Seats::new(&limits).take(ip("192.0.2.1"), Instant::now()).is_ok());
    }

    /// A flood from ever new addresses, of which each is there for a moment.
    #[test]
    fn what_is_kept_of_addresses_does_not_grow() {
        let limits = LimitSettings { connections: 10, handshakes: 10, handshake_rate: 100, ..limits() };
        let seats = Seats::new(&LimitSettings { handshake_rate_per_address: 1, ..limits });
        let start = Instant::now();
        let mut passed = 0;
        for i in 0..100_000_u64 {
            let from = IpAddr::V6(u128::from(i).checked_shl(64).unwrap_or_default().into());
            passed += u64::from(seats.take(from, start + Duration::from_millis(i)).is_ok());
            assert!(seats.taken.lock().networks.len() <= 220);
        }
        assert!((10_000..=10_100).contains(&passed), "{passed}");
    }
}
