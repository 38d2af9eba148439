//! The one table.

use std::fmt;

use super::line::Line;
use super::machine::Machine;
use super::options::Options;

/// All that a bench has to tell; its text is Markdown.
pub struct Report {
    head: String,
    lines: Vec<Line>,
    notes: Vec<String>,
}

impl Report {
    /// Begins: now, and on this machine.
    #[must_use]
    pub fn begin(options: &Options) -> Self {
        let date = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC");
        let head = format!(
            "{date}; {}; medians of {} interleaved rounds{}.",
            Machine::here(),
            options.rounds(),
            if options.quick { " (--quick)" } else { "" }
        );
        Self { head, lines: Vec::new(), notes: Vec::new() }
    }

    /// Adds lines.
    pub fn extend(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
    }

    /// Adds a remark below the table: what was left out, and why.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.head)?;
        writeln!(f, "| what | ours | reference | ratio (min–max) | target | |")?;
        writeln!(f, "|---|--:|--:|--:|--:|---|")?;
        for line in &self.lines {
            writeln!(f, "| {} |", line.cells().join(" | "))?;
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}
