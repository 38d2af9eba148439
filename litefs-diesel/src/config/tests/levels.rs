//! `ack`, `fence`, `fence_timeout`: as texts and in code.

use std::time::Duration;

use super::super::{Config, Fence, RepoConfig, Settings};
use super::settings;
use crate::Ack;

const CLUSTER: &str = "[repo.Repo]\ndatabase = 'app.db'\n[litefs]\n[cluster]\nlisten = '127.0.0.1:7117'\ninsecure = \
                       true\npeer = '{hostname}:7117'\n";

fn ack(settings: &Settings) -> Ack {
    settings.repos["Repo"].ack
}

#[test]
fn every_level_is_read_as_it_is_written() {
    assert_eq!(ack(&Config::new("app.db").resolve().unwrap()), Ack::Visible);
    for level in [Ack::Committed, Ack::Visible, Ack::Replicated(1), Ack::Replicated(12), Ack::Everywhere] {
        let config = Config::default().repo("Repo", RepoConfig::new("app.db").ack(level));
        assert_eq!(ack(&config.resolve().unwrap()), level);
    }
    let toml = "[repo.Repo]\ndatabase = 'app.db'\nack = 'replicated(2)'\n";
    assert_eq!(ack(&settings(toml, []).unwrap()), Ack::Replicated(2));
    for wrong in ["all", "replicated", "replicated()", "replicated(0)", "replicated(-1)", "Visible"] {
        let toml = format!("[repo.Repo]\ndatabase = 'app.db'\nack = '{wrong}'\n");
        let error = settings(&toml, []).unwrap_err().to_string();
        assert!(error.contains("`repo.Repo.ack`") && error.contains("line 3"), "{error}");
        assert!(error.contains("\"replicated(1)\""), "{error}");
    }
}

#[test]
fn a_majority_needs_to_know_of_whom_and_time_for_three_heartbeats() {
    let cluster = |more: &str| settings(&format!("{CLUSTER}{more}"), []);
    let usual = cluster("").unwrap().cluster;
    assert_eq!((usual.fence, usual.fence_timeout), (Fence::Heard, Duration::from_secs(2)));
    let set = cluster("nodes = ['a', 'b']\nfence = 'majority'\nfence_timeout = '1500ms'").unwrap().cluster;
    assert_eq!((set.fence, set.fence_timeout), (Fence::Majority, Duration::from_millis(1500)));
    for (more, says) in [
        ("fence = 'majority'", "`cluster.nodes`"),
        ("fence = 'always'", "neither \"heard\" nor \"majority\""),
        ("fence_timeout = '1s'", "1500 ms"),
    ] {
        let error = cluster(more).unwrap_err().to_string();
        assert!(error.contains(says), "{more}: {error}");
    }
}
