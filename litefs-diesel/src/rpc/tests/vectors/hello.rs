use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{Vectors, variants};
use crate::rpc::greeting::{Introduction, MAGIC, No, Opening, Purpose, Verdict, Versions};
use crate::rpc::hello::{self, HelloError, Identity, Peer};
use crate::rpc::tests::hello::{FIRST, identity};
use crate::rpc::tests::soon;

variants!(Purpose: Self::Control => "Control", Self::Data => "Data");
variants!(Verdict: Self::Welcome { .. } => "Welcome", Self::No(_) => "No");
variants!(No:
    Self::Protocol => "Protocol",
    Self::Application(_) => "Application",
    Self::Cluster(_) => "Cluster",
    Self::Itself => "Itself",
    Self::Unreadable => "Unreadable",
    Self::LitefsCluster(_) => "LitefsCluster",
    Self::NotYet => "NotYet",
    Self::Full => "Full",
);

/// This node.
fn ours() -> Identity {
    let repos = BTreeSet::from(["Audit".into(), "Repo".into()]);
    Identity { node: "ams".into(), repos, ..identity(300) }
}

#[test]
fn the_hello_is_as_it_is_written_down() {
    let mut vectors = Vectors::new(include_str!("hello.txt"));
    vectors.hold_all("Purpose", &[Purpose::Control, Purpose::Data]);
    vectors.hold("Opening", &Opening { magic: MAGIC, versions: Versions { oldest: 1, newest: 300 } });
    let introduction = Introduction {
        application: "shop".into(),
        cluster: "eu".into(),
        litefs: FIRST.into(),
        node: "ams".into(),
        process: u128::MAX,
        repos: BTreeSet::from(["Repo".into(), "Audit".into()]),
    };
    vectors.hold("Introduction", &introduction);
    vectors.hold_all("Verdict", &[Verdict::Welcome { protocol: 1 }, Verdict::No(No::Protocol)]);
    let reasons = [
        No::Protocol,
        No::Application("blog".into()),
        No::Cluster("us".into()),
        No::Itself,
        No::Unreadable,
        No::LitefsCluster("LFSC0000000000000002".into()),
        No::NotYet,
        No::Full,
    ];
    vectors.hold_all("No", &reasons);
    vectors.finish("hello.txt");
}

/// A recorded peer connects: what we make of it, and the frame that we answer.
async fn called_by(frame: &[u8]) -> (Result<(Peer, Purpose), HelloError>, Vec<u8>) {
    let (mut peer, mut here) = duplex(1 << 16);
    peer.write_all(frame).await.unwrap();
    let welcomed = hello::welcome(&mut here, &ours(), soon(), || true).await;
    drop(here);
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    (welcomed, answer)
}

/// We connect to a recorded peer: what we make of it, and the frame that we say.
async fn calling(answer: &[u8]) -> (Result<Peer, HelloError>, Vec<u8>) {
    let (mut peer, mut here) = duplex(1 << 16);
    peer.write_all(answer).await.unwrap();
    let greeted = hello::greet(&mut here, &ours(), Purpose::Data, soon()).await;
    drop(here);
    let mut said = Vec::new();
    peer.read_to_end(&mut said).await.unwrap();
    (greeted, said)
}

fn peers() -> Vectors {
    Vectors::new(include_str!("peers.txt"))
}

/// Bytes of nodes that were, and of such as there may be, against the hello of this one.
#[tokio::test]
async fn recorded_nodes_of_other_versions_that_have_one_in_common_are_understood() {
    let recorded = peers();
    for (peer, purpose) in [("1", Purpose::Data), ("0 to 1", Purpose::Control), ("1 to 3", Purpose::Data)] {
        let (welcomed, answer) = called_by(&recorded.bytes(&format!("{peer} calls"))).await;
        let (peer_is, wants) = welcomed.unwrap_or_else(|error| panic!("{peer}: {error}"));
        assert_eq!((peer_is.protocol, peer_is.node.as_str(), wants), (1, "ord", purpose), "{peer}");
        assert_eq!(answer, recorded.bytes("this node welcomes"), "{peer}");
        let (greeted, said) = calling(&recorded.bytes(&format!("{peer} welcomes"))).await;
        let greeted = greeted.unwrap_or_else(|error| panic!("{peer}: {error}"));
        assert_eq!((greeted.protocol, greeted.process, greeted.litefs.as_str()), (1, 301, FIRST), "{peer}");
        assert_eq!(said, recorded.bytes("this node calls"), "{peer}");
    }
}

#[tokio::test]
async fn recorded_nodes_without_a_common_version_get_and_give_an_error_with_both_ranges() {
    let recorded = peers();
    for (peer, range) in [("0", "0 to 0"), ("2 to 3", "2 to 3")] {
        let (welcomed, answer) = called_by(&recorded.bytes(&format!("{peer} calls"))).await;
        let (greeted, said) = calling(&recorded.bytes(&format!("{peer} refuses"))).await;
        for error in [welcomed.unwrap_err(), greeted.unwrap_err()] {
            assert!(matches!(error, HelloError::Protocol { .. }) && error.is_refusal(), "{peer}: {error}");
            let ranges = format!("this node speaks 1 to 1, the other {range}");
            assert!(error.to_string().contains(&ranges), "{peer}: {error}");
        }
        assert_eq!(answer, recorded.bytes("this node refuses"), "{peer}");
        assert_eq!(said, recorded.bytes("this node calls"), "{peer}");
    }
}

/// A peer of this very version has no more to say than this one knows.
#[tokio::test]
async fn bytes_behind_the_hello_of_a_known_version_are_refused() {
    let mut frame = peers().bytes("1 calls");
    frame.push(0);
    frame[3] += 1;
    let (welcomed, _) = called_by(&frame).await;
    assert!(matches!(welcomed, Err(HelloError::Foreign(why)) if why.contains("1 bytes follow")));
}
