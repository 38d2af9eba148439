//! What a test asks for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::litefs::Role;
use crate::request::{Ask, RequestId, Stamp, Write, WriteRequest};
use crate::statement::{Statement, Want};
use crate::value::{ValueRef, Values};

pub(crate) fn statement(sql: &str) -> Statement {
    let binds: Values = [ValueRef::Integer(1), ValueRef::Text(b"Ada")].into_iter().collect();
    Statement { sql: sql.into(), binds, cacheable: true, want: Want::Count }
}

pub(crate) fn write_request(sql: &str) -> WriteRequest {
    static SEQUENCES: AtomicU64 = AtomicU64::new(1);
    let id = RequestId { client: 1, sequence: SEQUENCES.fetch_add(1, Ordering::Relaxed) };
    WriteRequest { stamp: stamp(id), ask: Ask::Run(write_of(sql)) }
}

pub(crate) fn write_of(sql: &str) -> Write {
    Write::of(vec![statement(sql)])
}

/// Of a first attempt.
pub(crate) fn stamp(id: RequestId) -> Stamp {
    Stamp { id, hash: 0, forgotten: 0, again: false }
}

pub(crate) fn replica_of(primary: &str) -> Role {
    Role::Replica { primary: primary.into() }
}

pub(crate) fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}
