//! A new secret or authority without downtime: accept both, present the new, drop the old. Each file is
//! read again by whoever keeps it.

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::super::reload::Follower;
use super::super::testing::*;
use super::super::{Session, Stream, Transport};

/// One end of a connection, watched as the node watches it.
struct End {
    _stream: Stream<tokio::net::TcpStream>,
    outdated: CancellationToken,
    dropped: CancellationToken,
    _watching: AbortOnDropHandle<()>,
}

impl End {
    fn watch((stream, session): (Stream<tokio::net::TcpStream>, Session)) -> Self {
        let (outdated, dropped) = (CancellationToken::new(), CancellationToken::new());
        let watching = tokio::spawn(session.watch(outdated.clone(), dropped.clone()));
        Self { _stream: stream, outdated, dropped, _watching: AbortOnDropHandle::new(watching) }
    }

    async fn is_outdated(&self) {
        tokio::time::timeout(PATIENCE, self.outdated.cancelled()).await.expect("it is outdated");
    }

    async fn is_dropped(&self) {
        tokio::time::timeout(PATIENCE, self.dropped.cancelled()).await.expect("it is dropped");
    }

    fn is_accepted(&self) -> bool {
        !self.dropped.is_cancelled()
    }
}

/// They talk, either way; what comes back are the ends of a connection that `one` made.
async fn talk(one: &Followed, other: &Followed) -> (End, End) {
    let (calling, called) = meet(&other.transport, &one.transport, "node").await;
    assert!(calling.is_ok() && called.is_ok(), "{:?} {:?}", calling.err(), called.err());
    let (calling, called) = meet(&one.transport, &other.transport, "node").await;
    (End::watch(calling.unwrap()), End::watch(called.unwrap()))
}

#[tokio::test]
async fn a_secret_is_replaced_in_three_steps_while_nodes_go_on_talking() {
    let (old, new) = (secret(), secret());
    let (a, b) = (Followed::with_secret(&old), Followed::with_secret(&old));
    let (first_a, first_b) = talk(&a, &b).await;

    // Accept both: one node after the other.
    a.put_secret(&format!("{old}\n{new}")).await;
    talk(&a, &b).await;
    b.put_secret(&format!("{old}\n{new}")).await;
    talk(&a, &b).await;

    // Present the new. What was opened under the old is made anew, and goes on until then.
    a.put_secret(&format!("{new}\n{old}")).await;
    first_a.is_outdated().await;
    let (second_a, second_b) = talk(&a, &b).await;
    b.put_secret(&format!("{new}\n{old}")).await;
    first_b.is_outdated().await;
    second_b.is_outdated().await;
    assert!(first_a.is_accepted() && first_b.is_accepted() && second_a.is_accepted());
    let (third_a, third_b) = talk(&a, &b).await;

    // Drop the old, and with it what it opened.
    a.put_secret(&new).await;
    first_a.is_dropped().await;
    second_a.is_dropped().await; // the other side of that one presented the old
    talk(&a, &b).await;
    b.put_secret(&new).await;
    first_b.is_dropped().await;
    second_b.is_dropped().await;
    talk(&a, &b).await;
    for end in [&third_a, &third_b] {
        assert!(end.is_accepted() && !end.outdated.is_cancelled());
    }

    let stranger = by_secret(&old, "shop");
    assert!(meet(&stranger, &a.transport, "node").await.1.is_err());
    assert!(meet(&a.transport, &stranger, "node").await.0.is_err());
}

#[tokio::test]
async fn who_still_has_the_dropped_secret_alone_is_cut_off() {
    let (old, new) = (secret(), secret());
    let (kept, left) =
        (Followed::with_secret(&format!("{new} {old}")), Followed::with_secret(&format!("{old} {new}")));
    let (kept_end, _left_end) = talk(&kept, &left).await;
    kept.put_secret(&new).await;
    kept_end.is_dropped().await;
}

#[tokio::test]
async fn an_authority_is_replaced_in_three_steps_while_nodes_go_on_talking() {
    let (old, new) = (Authority::new(), Authority::new());
    let start = || Followed::with_certificates(&[&old], &old.sign("node"));
    let (a, b) = (start(), start());
    let (first_a, first_b) = talk(&a, &b).await;

    // Accept both.
    for node in [&a, &b] {
        node.change(|files| files.put("ca", &bundle(&[&old, &new]))).await;
        talk(&a, &b).await;
    }
    assert!(!first_a.outdated.is_cancelled() && !first_b.outdated.is_cancelled());

    // Present the new.
    for (node, end) in [(&a, &first_a), (&b, &first_b)] {
        node.change(|files| files.put_certificate(&new.sign("node"))).await;
        end.is_outdated().await;
        talk(&a, &b).await;
    }
    assert!(first_a.is_accepted() && first_b.is_accepted());
    let (last_a, last_b) = talk(&a, &b).await;

    // Drop the old.
    for (node, end) in [(&a, &first_a), (&b, &first_b)] {
        node.change(|files| files.put("ca", &bundle(&[&new]))).await;
        end.is_dropped().await;
        talk(&a, &b).await;
    }
    assert!(last_a.is_accepted() && last_b.is_accepted());
    assert!(meet(&old.node("node"), &a.transport, "node").await.1.is_err());
}

/// A certificate is replaced under the same authority: nobody is cut off.
#[tokio::test]
async fn a_renewed_certificate_is_presented_without_a_restart() {
    let authority = Authority::new();
    let (a, b) = (
        Followed::with_certificates(&[&authority], &authority.sign("node")),
        Followed::with_certificates(&[&authority], &authority.sign("node")),
    );
    let (first_a, first_b) = talk(&a, &b).await;
    a.change(|files| files.put_certificate(&authority.sign("node"))).await;
    first_a.is_outdated().await;
    talk(&a, &b).await;
    assert!(first_a.is_accepted() && !first_b.outdated.is_cancelled());
}

#[tokio::test]
async fn new_files_that_cannot_be_used_leave_the_old_ones_in_use() {
    let authority = Authority::new();
    let files = Files::new();
    let put_good = || {
        files.put("ca", &authority.pem());
        files.put_certificate(&authority.sign("node"));
    };
    put_good();
    let transport = Transport::load(&files.by_certificate(), "shop").unwrap();
    let Transport::Tls(trust) = &transport else { panic!("plain text") };
    let (mut follower, mut changes) = (Follower::new(trust.clone()), trust.changes());
    let bad: [&dyn Fn(); 4] = [
        &|| files.put("ca", "nothing"),
        &|| files.put("key", &authority.sign("node").key),
        &|| files.put_certificate(&Authority::new().sign("node")),
        &|| std::fs::remove_file(files.path("cert")).unwrap(),
    ];
    for put_bad in bad {
        put_bad();
        for _ in 0..4 {
            follower.look().await;
        }
        assert!(!changes.has_changed().unwrap());
        let (calling, called) = meet(&transport, &transport, "node").await;
        assert!(calling.is_ok() && called.is_ok());
        put_good();
        follower.look().await;
        assert!(!changes.has_changed().unwrap(), "it may still be written");
        follower.look().await;
        assert!(changes.has_changed().unwrap(), "a good one afterwards is taken");
        changes.mark_unchanged();
    }
}

/// Kubernetes mounts a folder through a link, and moves the link.
#[tokio::test]
async fn a_link_that_leads_elsewhere_is_a_change() {
    let (old, new) = (secret(), secret());
    let files = Files::new();
    files.put("old", &old);
    files.put("new", &format!("{new} {old}"));
    let link = |files: &Files, to: &str| {
        std::os::unix::fs::symlink(files.path(to), files.path("link")).unwrap();
        std::fs::rename(files.path("link"), files.path("secret")).unwrap();
    };
    link(&files, "old");
    let node = Followed::keep(&files.by_secret(), files);
    node.change(|files| link(files, "new")).await;
    let (calling, called) = meet(&by_secret(&new, "shop"), &node.transport, "node").await;
    assert!(calling.is_ok() && called.is_ok());
}
