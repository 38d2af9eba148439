//! The door for the fuzz targets: what LiteFS says.

use super::events::Lines;
use super::info::{self, Info};
use super::{files, position_file};

/// The content of `.primary`, or of `.lag`.
pub fn primary(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = files::parse_primary(text) {
        assert!(!name.is_empty() && !name.ends_with('\n'));
    }
    if files::parse_lag(text).is_some() {
        assert!(text.starts_with(['+', '-']));
    }
}

/// The content of a `-pos` file: hexadecimal digits and nothing else.
pub fn position(bytes: &[u8]) {
    if let Some(position) = position_file::parse(bytes) {
        assert_eq!(format!("{position}\n").as_bytes(), bytes.to_ascii_lowercase());
    }
}

/// The body of `/events`: the same events, in whatever pieces it arrives.
pub fn events(bytes: &[u8]) {
    let Ok(whole) = Lines::default().push(bytes) else { return };
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut lines = Lines::default();
    let mut parts = lines.push(first).expect("what is read whole is read in parts");
    parts.extend(lines.push(second).expect("what is read whole is read in parts"));
    assert_eq!(whole, parts);
}

/// The body of `/info`, or of `/metrics`.
pub fn info(bytes: &[u8]) {
    if let Ok(info) = Info::read(bytes) {
        assert_eq!(info.role().is_primary(), info.is_primary);
    }
    let _ = info::replicas(&String::from_utf8_lossy(bytes));
}
