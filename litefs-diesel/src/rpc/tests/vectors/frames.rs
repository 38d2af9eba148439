use tokio_util::bytes::BytesMut;

use super::{Vectors, variants};
use crate::request::Refusal;
use crate::rpc::control::{Answer, Ask};
use crate::rpc::wire::{self, Down, Trace, Up};

variants!(Up: Self::Call { .. } => "Call", Self::Cancel { .. } => "Cancel");
variants!(Down: Self::Answer { .. } => "Answer", Self::Goodbye => "Goodbye");

fn frame(fill: impl FnOnce(&mut wire::Frame<'_>) -> postcard::Result<()>) -> BytesMut {
    let mut bytes = BytesMut::new();
    wire::frame(&mut bytes, wire::MAX_FRAME, fill).unwrap();
    bytes
}

#[test]
fn frames_are_as_they_are_written_down() {
    let mut vectors = Vectors::new(include_str!("frames.txt"));
    let trace = Trace { trace: *b"0123456789abcdef", span: *b"01234567", sampled: true };
    let call = || Up::Call { id: 300, deadline_ms: 5000, trace };
    let untraced = || Up::Call { id: 0, deadline_ms: u32::MAX, trace: Trace::default() };
    vectors.hold_all("Up", &[call(), untraced(), Up::Cancel { id: 300 }]);
    vectors.hold_all("Down", &[Down::Answer { id: 300 }, Down::Goodbye]);
    let watch = frame(|frame| {
        frame.message(&call())?;
        frame.message(&Ask::Watch { seen: 1, epoch: 2 })
    });
    vectors.hold_bytes("frame of a call", &watch);
    vectors.hold_bytes("frame of a cancel", &frame(|frame| frame.message(&Up::Cancel { id: 300 })));
    let answer = |answer: Result<Answer, Refusal>| {
        frame(|frame| {
            frame.message(&Down::Answer { id: 300 })?;
            frame.message(&answer)
        })
    };
    vectors.hold_bytes("frame of an answer", &answer(Ok(Answer::Noted)));
    vectors.hold_bytes(
        "frame of a refusal",
        &answer(Err(Refusal::Overloaded(crate::error::Bound::new("queue_length", 300)))),
    );
    vectors.hold_bytes("frame of a goodbye", &frame(|frame| frame.message(&Down::Goodbye)));
    vectors.finish("frames.txt");
}
