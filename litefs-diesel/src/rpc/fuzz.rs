//! The door for the fuzz targets: what a peer sends.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use super::codec::{Answer, Answerer, Caller};
use super::control::{self, Control};
use super::data::{self, Data};
use super::hello::{self, Identity};
use super::wire;
use crate::litefs::ClusterId;

/// The bytes of a connection after its hello, at each end of each service.
pub fn frames(bytes: &[u8]) {
    let retired = CancellationToken::new;
    drain(Answerer::<Data>::new(wire::MAX_FRAME), bytes);
    drain(Answerer::<Control>::new(wire::MAX_FRAME), bytes);
    drain(Caller::<Data>::new(wire::MAX_FRAME, retired()), bytes);
    drain(Caller::<Control>::new(wire::MAX_FRAME, retired()), bytes);
}

fn drain(mut codec: impl Decoder, bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(_)) = codec.decode(&mut buffer) {}
}

/// The frame of the one who calls, and of the one who was called.
pub fn hello(bytes: &[u8]) {
    let identity = Identity {
        application: "shop".into(),
        cluster: "eu".into(),
        node: "ams".into(),
        process: 300,
        repos: BTreeSet::from(["Repo".into()]),
        protocol: hello::PROTOCOL,
        litefs: ClusterId::fixed(Some("LFSC0123456789ABCDEF")),
    };
    if let Ok((_, peer, _)) = hello::judge(bytes, &identity) {
        assert!(hello::PROTOCOL.contains(&peer.protocol) && peer.process != identity.process);
    }
    let Ok(ours) = identity.introduction() else { return };
    if let Ok(peer) = hello::answered(bytes, &identity, ours) {
        assert!(hello::PROTOCOL.contains(&peer.protocol) && peer.process != identity.process);
    }
}

/// What is asked on a data connection.
pub fn data_request(bytes: &[u8]) {
    round::<data::Request<'static>>(bytes);
}

/// What is answered on a data connection.
pub fn data_reply(bytes: &[u8]) {
    round::<Answer<Data>>(bytes);
}

/// What is asked on a control connection.
pub fn control_ask(bytes: &[u8]) {
    round::<control::Ask>(bytes);
}

/// What is answered on a control connection.
pub fn control_answer(bytes: &[u8]) {
    round::<Answer<Control>>(bytes);
}

/// What can be read is written so that the same is read again.
fn round<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(message) = wire::read::<T>(bytes) else { return };
    if let Ok(written) = wire::body(&message) {
        assert_eq!(wire::read::<T>(&written).as_ref(), Ok(&message));
    }
}
