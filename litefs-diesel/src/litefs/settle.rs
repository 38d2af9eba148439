//! Tells a new primary from an attempt to find one.
//!
//! While a replica cannot reach its primary, LiteFS says "replica of H" when it begins to dial and
//! "no leader" when that failed, again and again. Followed word for word, every attempt would be
//! two changes of role. So after an attempt at H has failed, H is believed only when it lasts
//! longer than a failed attempt does, or when a transaction arrives from it. All other changes
//! are believed at once: losing a primary must never be believed late.

use std::time::{Duration, Instant};

use super::role::Role;

/// How long a doubted primary has to last at least: more than a refused connection in one region.
const LEAST: Duration = Duration::from_millis(50);
/// The most that is asked for: an attempt that hangs for longer than this *is* "dialling it".
const MOST: Duration = Duration::from_secs(3);

/// Turns what LiteFS says into what is believed.
#[derive(Debug, Default)]
pub(super) struct Settle {
    /// What was said last, and since when; `None` before the first word.
    said: Option<(Role, Instant)>,
    /// The primary of which LiteFS last lost the connection, with the time that the longest failed
    /// attempt at it took.
    doubted: Option<(String, Duration)>,
    /// Whether what was said last is not believed yet.
    pending: bool,
}

impl Settle {
    /// What to believe now that LiteFS says `role`; `None` to leave things as they are.
    pub(super) fn hear(&mut self, role: Role, now: Instant) -> Option<Role> {
        let before = self.said.replace((role.clone(), now));
        match &role {
            Role::NoLeader => {
                if let Some((Role::Replica { primary }, since)) = before {
                    self.doubt(primary, now - since);
                }
                self.pending = false;
            }
            Role::Primary => {
                self.doubted = None;
                self.pending = false;
            }
            Role::Replica { primary } => {
                if let Some((said, since)) = before
                    && said == role
                {
                    // Said again (a new stream, or polling): it has lasted since then.
                    self.said = Some((said, since));
                    return if self.pending { self.ripen(now) } else { Some(role) };
                }
                self.pending = self.doubted.as_ref().is_some_and(|(doubted, _)| doubted == primary);
            }
        }
        (!self.pending).then_some(role)
    }

    /// A transaction came: from the primary that was said last, so it is there.
    pub(super) fn proof(&mut self) -> Option<Role> {
        self.believe_if(true)
    }

    /// When to call [`ripen`](Self::ripen).
    pub(super) fn due(&self) -> Option<Instant> {
        let (_, since) = self.said.as_ref().filter(|_| self.pending)?;
        Some(*since + self.patience())
    }

    /// Believes what has lasted long enough.
    pub(super) fn ripen(&mut self, now: Instant) -> Option<Role> {
        let due = self.due()?;
        self.believe_if(due <= now)
    }

    fn believe_if(&mut self, good: bool) -> Option<Role> {
        if !self.pending || !good {
            return None;
        }
        self.pending = false;
        self.said.as_ref().map(|(role, _)| role.clone())
    }

    fn doubt(&mut self, primary: String, lasted: Duration) {
        // One that lasted was a connection, and says nothing of how long an attempt takes.
        let lasted = if lasted < MOST { lasted } else { Duration::ZERO };
        let longest = match self.doubted.take() {
            Some((doubted, longest)) if doubted == primary && lasted > Duration::ZERO => longest.max(lasted),
            _ => lasted,
        };
        self.doubted = Some((primary, longest));
    }

    fn patience(&self) -> Duration {
        let failed = self.doubted.as_ref().map_or(Duration::ZERO, |(_, longest)| *longest);
        (failed * 2).clamp(LEAST, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(primary: &str) -> Role {
        Role::Replica { primary: primary.into() }
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn flapping_pairs_while_the_primary_is_down_are_one_change() {
        let (mut settle, start) = (Settle::default(), Instant::now());
        assert_eq!(settle.hear(replica("a"), start), Some(replica("a")));
        let mut now = start + 60_000 * MS;
        assert_eq!(settle.hear(Role::NoLeader, now), Some(Role::NoLeader));
        for _ in 0..5 {
            now += 1000 * MS;
            assert_eq!(settle.hear(replica("a"), now), None);
            now += 2 * MS;
            assert_eq!(settle.ripen(now), None);
            assert_eq!(settle.hear(Role::NoLeader, now), Some(Role::NoLeader));
            assert_eq!(settle.due(), None);
        }
        // The primary is back, and lasts.
        assert_eq!(settle.hear(replica("a"), now), None);
        assert_eq!(settle.due(), Some(now + LEAST));
        assert_eq!(settle.ripen(now + LEAST), Some(replica("a")));
        assert_eq!(settle.ripen(now + 2 * LEAST), None);
    }

    #[test]
    fn an_attempt_that_takes_long_to_fail_is_believed_once_at_most() {
        let (mut settle, mut now) = (Settle::default(), Instant::now());
        settle.hear(replica("a"), now);
        now += 60_000 * MS;
        settle.hear(Role::NoLeader, now);
        let mut believed = 0;
        for _ in 0..10 {
            settle.hear(replica("a"), now);
            believed += usize::from(settle.ripen(now + 200 * MS).is_some());
            now += 200 * MS;
            settle.hear(Role::NoLeader, now);
            now += 1000 * MS;
        }
        assert_eq!(believed, 1);
    }

    #[test]
    fn another_primary_a_lease_and_a_transaction_are_believed_at_once() {
        let (mut settle, now) = (Settle::default(), Instant::now());
        settle.hear(replica("a"), now);
        settle.hear(Role::NoLeader, now + MS);
        assert_eq!(settle.hear(replica("b"), now + 2 * MS), Some(replica("b")));
        assert_eq!(settle.hear(Role::NoLeader, now + 3 * MS), Some(Role::NoLeader));
        assert_eq!(settle.hear(replica("b"), now + 4 * MS), None);
        assert_eq!(settle.proof(), Some(replica("b")));
        assert_eq!(settle.proof(), None);
        assert_eq!(settle.hear(Role::Primary, now + 5 * MS), Some(Role::Primary));
        assert_eq!(settle.hear(replica("b"), now + 6 * MS), Some(replica("b")));
    }

    #[test]
    fn polling_believes_a_doubted_primary_that_is_said_again() {
        let (mut settle, now) = (Settle::default(), Instant::now());
        settle.hear(replica("a"), now);
        settle.hear(Role::NoLeader, now + MS);
        assert_eq!(settle.hear(replica("a"), now + 2 * MS), None);
        assert_eq!(settle.hear(replica("a"), now + 100 * MS), Some(replica("a")));
    }
}
