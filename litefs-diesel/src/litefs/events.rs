//! The lines of `GET /events`.

use serde::Deserialize;

use super::role::Role;
use crate::position::Position;

/// What happened, as far as this project wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The state at the start of a stream, or a change of it.
    Role(Role),
    /// A database has a new position, on replicas too.
    Tx { database: String, position: Position },
    /// A kind that LiteFS got later.
    Other,
}

/// A stream that is not LiteFS's; connecting anew is all there is to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadStream {
    #[error("a line of /events is longer than {MAX_LINE} bytes")]
    LongLine,
    #[error("a line of /events is not as known: {0}")]
    Line(#[from] serde_json::Error),
    #[error("an event has a position that is none")]
    Position,
}

/// The longest line that is read. LiteFS's have some 200 bytes beside a database or host name.
const MAX_LINE: usize = 64 * 1024;

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    db: String,
    #[serde(default)]
    data: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleData {
    is_primary: bool,
    /// Left out on the primary and when there is no leader.
    #[serde(default)]
    hostname: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TxData {
    #[serde(rename = "txID")]
    txid: String,
    post_apply_checksum: String,
}

fn parse(line: &[u8]) -> Result<Event, BadStream> {
    let line: Line = serde_json::from_slice(line)?;
    match line.kind.as_str() {
        "init" | "primaryChange" => {
            let data: RoleData = serde_json::from_value(line.data)?;
            Ok(Event::Role(Role::from_fields(data.is_primary, &data.hostname)))
        }
        "tx" => {
            let data: TxData = serde_json::from_value(line.data)?;
            let position = format!("{}/{}", data.txid, data.post_apply_checksum);
            let position = position.parse().map_err(|_| BadStream::Position)?;
            Ok(Event::Tx { database: line.db, position })
        }
        _ => Ok(Event::Other),
    }
}

/// Puts the lines together from the pieces in which they arrive.
#[derive(Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
}

impl Lines {
    /// The events that a piece completes.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<Vec<Event>, BadStream> {
        let mut events = Vec::new();
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.keep(&piece[..end])?;
            piece = &piece[end + 1..];
            if !self.buffer.is_empty() {
                events.push(parse(&self.buffer)?);
                self.buffer.clear();
            }
        }
        self.keep(piece)?;
        Ok(events)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), BadStream> {
        if self.buffer.len() + bytes.len() > MAX_LINE {
            return Err(BadStream::LongLine);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        r#"{"type":"init","data":{"isPrimary":false,"hostname":"node-a"}}"#,
        "\n",
        r#"{"type":"tx","db":"d.db","data":{"txID":"0000000000000041","postApplyChecksum":"f7c8000000000000","pageSize":4096,"commit":2,"timestamp":"2026-01-01T00:00:00Z"}}"#,
        "\n",
        r#"{"type":"primaryChange","data":{"isPrimary":false}}"#,
        "\n",
        r#"{"type":"primaryChange","data":{"isPrimary":true}}"#,
        "\n",
        r#"{"type":"later","data":[1]}"#,
        "\n",
    );

    #[test]
    fn events_arrive_in_pieces_of_any_size() {
        for size in [1, 7, 64, STREAM.len()] {
            let mut lines = Lines::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let events: Vec<Event> = pieces.flat_map(|piece| lines.push(piece).unwrap()).collect();
            let position = "0000000000000041/f7c8000000000000".parse().unwrap();
            let expected = [
                Event::Role(Role::Replica { primary: "node-a".into() }),
                Event::Tx { database: "d.db".into(), position },
                Event::Role(Role::NoLeader),
                Event::Role(Role::Primary),
                Event::Other,
            ];
            assert_eq!(events, expected, "{size}");
        }
    }

    #[test]
    fn a_line_without_end_and_a_damaged_one_end_the_stream() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; 1000];
        let endless = (0..100).find_map(|_| lines.push(&piece).err());
        assert!(matches!(endless, Some(BadStream::LongLine)));
        let damaged: [&[u8]; 3] = [
            b"{\n",
            b"{\"type\":\"primaryChange\",\"data\":{}}\n",
            b"{\"type\":\"tx\",\"db\":\"d\",\"data\":{\"txID\":\"1\",\"postApplyChecksum\":\"2\"}}\n",
        ];
        for line in damaged {
            assert!(Lines::default().push(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
    }
}
