//! The bytes of each message, written down, and the code held to them in both directions.
//!
//! A line that changes is a node that older ones cannot talk to. So a line is never changed: what is new gets a
//! new variant at the end of its enum, a new line, and a new version of the protocol. What a version may change is in
//! `docs/protocol.md`.

mod control;
mod data;
mod errors;
mod frames;
mod hello;
mod migrations;

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rpc::wire;

/// What is written down in one file, and what the code writes.
struct Vectors {
    recorded: BTreeMap<&'static str, &'static str>,
    order: Vec<&'static str>,
    computed: Vec<(String, String)>,
    wrong: Vec<String>,
}

/// An enum whose variants all have a vector. A new one does not compile until it has a name, and does not pass
/// until a vector has it.
trait Variants {
    const ALL: &'static [&'static str];

    fn variant(&self) -> &'static str;
}

macro_rules! variants {
    ($type:ty: $($pattern:pat => $name:literal),+ $(,)?) => {
        impl crate::rpc::tests::vectors::Variants for $type {
            const ALL: &'static [&'static str] = &[$($name),+];

            fn variant(&self) -> &'static str {
                match self {
                    $($pattern => $name),+
                }
            }
        }
    };
}
use variants;

impl Vectors {
    /// `text` has a line for each message: its name, a colon, and its bytes.
    fn new(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<_> = lines.map(|line| line.split_once(": ").expect(line)).collect();
        let order = lines.iter().map(|(name, _)| *name).collect();
        Self { recorded: lines.into_iter().collect(), order, computed: Vec::new(), wrong: Vec::new() }
    }

    /// The recorded bytes of one.
    fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.recorded.get(name).unwrap_or_else(|| panic!("there is no vector `{name}`")))
    }

    /// Holds the code to the bytes of one value.
    fn hold<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: &T) {
        let bytes = postcard::to_allocvec(value).unwrap();
        self.hold_bytes(name, &bytes);
        let Some(recorded) = self.recorded.get(name) else { return };
        match wire::read::<T>(&unhex(recorded)) {
            Ok(read) if read == *value => {}
            other => self.wrong.push(format!("`{name}` is read as {other:?}")),
        }
    }

    fn hold_bytes(&mut self, name: &str, bytes: &[u8]) {
        self.computed.push((name.to_owned(), hex(bytes)));
    }

    /// Holds the code to the bytes of every variant of an enum: a second value of one is called `Name.2`.
    fn hold_all<T>(&mut self, name: &str, values: &[T])
    where
        T: Variants + Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let mut seen = BTreeMap::<_, usize>::new();
        for value in values {
            let times = seen.entry(value.variant()).or_default();
            *times += 1;
            let nth = if *times == 1 { String::new() } else { format!(".{times}") };
            self.hold(&format!("{name}.{}{nth}", value.variant()), value);
        }
        for variant in T::ALL.iter().filter(|variant| !seen.contains_key(*variant)) {
            self.wrong.push(format!("`{name}.{variant}` has no vector"));
        }
    }

    fn finish(self, file: &str) {
        let recorded = self.order.iter().map(|name| format!("{name}: {}", self.recorded[name]));
        let computed: Vec<_> = self.computed.iter().map(|(name, hex)| format!("{name}: {hex}")).collect();
        let same = recorded.eq(computed.iter().cloned());
        assert!(
            same && self.wrong.is_empty(),
            "{file}: nodes of other releases could not read this one. A line there is never changed: add a variant \
             at the end, a line, and a version.\n{}\nwhat the code writes:\n{}",
            self.wrong.join("\n"),
            computed.join("\n"),
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}
