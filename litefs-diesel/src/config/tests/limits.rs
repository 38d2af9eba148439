//! What others may have of this node, as the settings say it.

use std::time::Duration;

use super::super::{Config, LimitSettings, Limits};
use super::settings;

const BEFORE: &str = "[repo.Repo]\ndatabase = '/nowhere/app.db'\n[litefs]\n[limits]\n";

#[test]
fn each_limit_is_read_from_the_file_and_covered_by_the_environment_and_the_code() {
    let file = "connections = 1\nconnections_per_address = 2\nhandshakes = 3\nhandshake_rate = 4\n\
                handshake_rate_per_address = 5\nhandshake_timeout = '6s'\nidle = '7s'\nkeepalive = '8s'\n";
    let expected = LimitSettings {
        connections: 1,
        connections_per_address: 2,
        handshakes: 3,
        handshake_rate: 4,
        handshake_rate_per_address: 5,
        handshake_timeout: Duration::from_secs(6),
        idle: Duration::from_secs(7),
        keepalive: Duration::from_secs(8),
        ..LimitSettings::default()
    };
    assert_eq!(settings(&format!("{BEFORE}{file}"), []).unwrap().limits, expected);
    let covered = settings(&format!("{BEFORE}{file}"), [("LITEFS_DIESEL__LIMITS__HANDSHAKES", "9")]);
    assert_eq!(covered.unwrap().limits, LimitSettings { handshakes: 9, ..expected.clone() });
    let limits = Limits::default()
        .connections(1)
        .connections_per_address(2)
        .handshakes(3)
        .handshake_rate(4)
        .handshake_rate_per_address(5)
        .handshake_timeout(Duration::from_secs(6))
        .idle(Duration::from_secs(7))
        .keepalive(Duration::from_secs(8));
    let config = Config::new("/nowhere/app.db").litefs_http("http://127.0.0.1:20202").limits(limits);
    assert_eq!(config.resolve().unwrap().limits, expected);
}

#[test]
fn the_default_limits_are_the_documented_ones() {
    let limits = settings(BEFORE, []).unwrap().limits;
    assert_eq!((limits.connections, limits.connections_per_address, limits.handshakes), (256, 64, 256));
    assert_eq!((limits.handshake_rate, limits.handshake_rate_per_address), (200, 64));
    assert_eq!(limits.handshake_timeout, Duration::from_secs(5));
    assert_eq!((limits.idle, limits.keepalive), (Duration::from_secs(600), Duration::from_secs(15)));
    assert_eq!(
        (limits.max_frame, limits.requests, limits.requests_per_connection),
        (64 << 20, 65_536, 16_384)
    );
    assert_eq!((limits.transactions, limits.transactions_per_connection), (1_024, 256));
    assert_eq!((limits.statement_bytes, limits.binds, limits.result_rows), (4 << 20, 32_766, 1_000_000));
    assert_eq!(limits.reply_timeout, Duration::from_secs(30));
    assert_eq!(limits, LimitSettings::default());
}

#[test]
fn what_is_a_part_of_a_frame_or_holds_some_follows_its_size() {
    let limits = settings(&format!("{BEFORE}max_frame = 1048576"), []).unwrap().limits;
    let (half, four) = (512 << 10, 4 << 20);
    assert_eq!((limits.bind_bytes, limits.result_bytes, limits.statement_bytes), (half, half, 1 << 20));
    assert_eq!((limits.request_bytes, limits.reply_bytes), (four, four));
}

#[test]
fn a_limit_that_cannot_be_is_told_with_its_line() {
    for (line, says) in [
        ("connections = 0", "`limits.connections`"),
        ("connections = 65537", "1 to 65536"),
        ("connections_per_address = 0", "1 to 65536"),
        ("handshakes = 0", "1 to 65536"),
        ("handshake_rate = 0", "1 to 1000000"),
        ("handshake_rate_per_address = '9'", "has to be an integer"),
        ("handshake_timeout = 0", "0 is not possible"),
        ("idle = '8d'", "7 days"),
        ("idle = '4s'", "shorter than 5 seconds"),
        ("keepalive = '2s'", "3 seconds to an hour"),
        ("keepalive = '2h'", "3 seconds to an hour"),
        ("max_frame = 1000", "65536 to 1073741824"),
        ("request_bytes = 1000", "no room for one frame"),
        ("result_bytes = 67108865", "cannot be sent"),
        ("reply_timeout = 0", "0 is not possible"),
        ("connection = 3", "connections, connections_per_address"),
    ] {
        let error = settings(&format!("{BEFORE}{line}"), []).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("line 5"), "{line}: {error}");
    }
}

/// As `[cluster]`: a machine that is alone need not have what `${NAME}` names there.
#[test]
fn a_node_that_is_alone_does_not_look_at_them() {
    let toml = "[repo.Repo]\ndatabase = '/nowhere/app.db'\n[limits]\nconnections = 0";
    assert_eq!(settings(toml, []).unwrap().limits, LimitSettings::default());
}
