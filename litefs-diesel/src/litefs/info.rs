//! `GET /info`, and the one number of `GET /metrics` that is needed.

use serde::Deserialize;

use super::role::Role;

/// What LiteFS says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    /// Kept on disk, the same on every node; empty until a node has first joined.
    #[serde(rename = "clusterID", default)]
    pub(crate) cluster_id: String,
    pub(crate) is_primary: bool,
    /// Whether this node may become primary.
    #[serde(default)]
    pub(crate) candidate: bool,
    /// LiteFS's own data directory (not the mount).
    #[serde(default)]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) primary: PrimaryInfo,
}

/// Who holds the lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct PrimaryInfo {
    /// Empty when there is no leader. On the primary itself, its own.
    #[serde(default)]
    pub(crate) hostname: String,
}

impl Info {
    /// From the body of the answer, which is sent as text/plain: what it is called does not matter.
    pub(super) fn read(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    pub(crate) fn role(&self) -> Role {
        Role::from_fields(self.is_primary, &self.primary.hostname)
    }
}

/// How many replicas are connected, from the text of `/metrics`.
pub(super) fn replicas(metrics: &str) -> Option<u32> {
    let line = metrics.lines().find_map(|line| line.strip_prefix("litefs_subscriber_count "))?;
    // A gauge is a float, written as `2` while it is small.
    line.trim().parse::<f64>().ok().filter(|count| (0.0..1e6).contains(count)).map(|count| count as u32)
}

/// Why LiteFS's HTTP API gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum InfoError {
    #[error("LiteFS does not answer at {url}: {why}; is it running, and is `litefs.http` its address?")]
    Unreachable { url: String, why: String },
    #[error("{url} answered with status {status}; is `litefs.http` the address of LiteFS?")]
    Status { url: String, status: u16 },
    #[error("{url} answered something that is not LiteFS's: {why}")]
    Malformed { url: String, why: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_a_primary_a_replica_and_a_node_without_leader_are_told_apart() {
        let parse = |text: &str| Info::read(text.as_bytes()).unwrap();
        let primary = parse(
            r#"{"clusterID": "LFSC1", "isPrimary": true, "candidate": true, "path": "/data", "primary": {"hostname": "me"}}"#,
        );
        assert_eq!((primary.role(), primary.cluster_id.as_str()), (Role::Primary, "LFSC1"));
        let replica = parse(r#"{"isPrimary": false, "primary": {"hostname": "ams 1"}, "later": 1}"#);
        assert_eq!(replica.role(), Role::Replica { primary: "ams 1".into() });
        assert_eq!(parse(r#"{"isPrimary": false, "primary": {"hostname": ""}}"#).role(), Role::NoLeader);
        assert!(Info::read(br#"{"primary": {"hostname": "x"}}"#).is_err());
    }

    #[test]
    fn the_replicas_are_counted_by_one_line_of_the_metrics() {
        let text = "# HELP litefs_subscriber_count Number of connected subscribers\n# TYPE litefs_subscriber_count \
                    gauge\nlitefs_subscriber_count 2\nlitefs_subscriber_count_other 7\n";
        assert_eq!(replicas(text), Some(2));
        assert_eq!(replicas("litefs_db_count 1\n"), None);
        assert_eq!(replicas("litefs_subscriber_count NaN\n"), None);
    }
}
