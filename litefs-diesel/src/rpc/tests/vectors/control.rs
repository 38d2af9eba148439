use std::collections::BTreeMap;

use super::{Vectors, variants};
use crate::litefs::Role;
use crate::position::Position;
use crate::rpc::control::{Answer, Ask, Heard, Place, View};

variants!(Ask: Self::Watch { .. } => "Watch", Self::Report(_) => "Report");
variants!(Answer: Self::View(_) => "View", Self::Noted => "Noted");
variants!(Role: Self::Primary => "Primary", Self::Replica { .. } => "Replica", Self::NoLeader => "NoLeader");

fn view(role: Role) -> View {
    let position = Position { txid: 65, checksum: 0xf7c8_a915_0000_0000 };
    View {
        version: 300,
        role,
        epoch: 2,
        age_ms: Some(1500),
        positions: BTreeMap::from([("Repo".into(), Place { position, proven: true })]),
        candidate: Some(false),
        replicas: Some(2),
        heard: BTreeMap::from([("syd".into(), Heard { process: u128::MAX, version: 7 })]),
    }
}

#[test]
fn control_is_as_it_is_written_down() {
    let mut vectors = Vectors::new(include_str!("control.txt"));
    // A role travels in a view only.
    let roles = [Role::Primary, Role::Replica { primary: "ams".into() }, Role::NoLeader];
    for role in &roles {
        use super::Variants;
        vectors
            .hold(&format!("View.role.{}", role.variant()), &View { role: role.clone(), ..View::unknown() });
    }
    assert_eq!(roles.len(), <Role as super::Variants>::ALL.len());
    let full = view(Role::Replica { primary: "ams".into() });
    vectors.hold_all("Ask", &[Ask::Watch { seen: 300, epoch: 2 }, Ask::Report(full.clone())]);
    vectors.hold_all("Answer", &[Answer::View(full), Answer::Noted]);
    vectors.finish("control.txt");
}
