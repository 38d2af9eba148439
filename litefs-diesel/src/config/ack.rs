//! The setting `ack`: a level of acknowledgement as a text.

use super::error::StartError;
use super::read::Found;
use crate::Ack;

/// `committed`, `visible`, `replicated(2)` or `everywhere`.
pub(super) fn parse(found: &Found<'_>) -> Result<Ack, StartError> {
    let text = found.text()?.trim();
    let counted = text.strip_prefix("replicated(").and_then(|rest| rest.strip_suffix(')'));
    match (text, counted.map(|count| count.trim().parse())) {
        ("committed", _) => Ok(Ack::Committed),
        ("visible", _) => Ok(Ack::Visible),
        ("everywhere", _) => Ok(Ack::Everywhere),
        (_, Some(Ok(nodes @ 1..))) => Ok(Ack::Replicated(nodes)),
        _ => Err(found.error(format!(
            "`{text}` is none of \"committed\", \"visible\", \"replicated(1)\" (or more) and \"everywhere\""
        ))),
    }
}

/// What [`parse`] reads.
pub(super) fn text(ack: Ack) -> String {
    match ack {
        Ack::Committed => "committed".to_owned(),
        Ack::Visible => "visible".to_owned(),
        Ack::Replicated(nodes) => format!("replicated({nodes})"),
        Ack::Everywhere => "everywhere".to_owned(),
    }
}
