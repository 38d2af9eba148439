//! What is told while others are waited for. The primary: something that turns on a terminal, a line elsewhere.
//! The other nodes afterwards: a bar on a terminal, a line for each node elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use humantime::format_duration;
use indicatif::{ProgressBar, ProgressStyle};
use litefs_diesel::__tool::Arrivals;

use crate::output::Output;

/// How often the bar shows that time goes on.
const TICK: Duration = Duration::from_millis(200);

/// Until the primary has run what it was asked to run.
pub(crate) struct Asking(Option<ProgressBar>);

impl Asking {
    pub(crate) fn new(output: &mut Output<'_>, timeout: Duration) -> Self {
        let text = format!(
            "Asking the primary to run this, and waiting for {} at most; if this is interrupted, it goes on there",
            format_duration(timeout)
        );
        if !output.shows_bars() {
            output.note(text);
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        // Checked by a test; without it the line looks like indicatif's own.
        if let Ok(style) = asking_style() {
            bar.set_style(style);
        }
        bar.set_message(text);
        bar.enable_steady_tick(TICK);
        Self(Some(bar))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn asking_style() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    ProgressStyle::with_template("{spinner} {elapsed}: {wide_msg}")
}

/// One wait for the other nodes.
pub(crate) struct Progress<'o, 'w> {
    output: &'o mut Output<'w>,
    /// Who has it, as told.
    told: BTreeSet<String>,
    begun: bool,
    bar: Option<ProgressBar>,
}

impl<'o, 'w> Progress<'o, 'w> {
    pub(crate) fn new(output: &'o mut Output<'w>) -> Self {
        Self { output, told: BTreeSet::new(), begun: false, bar: None }
    }

    /// Tells what is new.
    pub(crate) fn see(&mut self, now: &Arrivals) {
        let all = now.have.len() + now.missing.len();
        if !std::mem::replace(&mut self.begun, true) {
            if all > 0 && self.output.shows_bars() {
                self.bar = Some(bar(all));
            } else if !now.missing.is_empty() {
                self.output.progress(format_args!("Waiting for {}", now.missing.join(", ")));
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_position(now.have.len() as u64);
            bar.set_message(match now.missing.is_empty() {
                true => "every node has it".to_owned(),
                false => format!("waiting for {}", now.missing.join(", ")),
            });
            return;
        }
        for node in &now.have {
            if self.told.insert(node.clone()) {
                self.output.progress(format_args!("{node} has it ({} of {all})", self.told.len()));
            }
        }
    }
}

impl Drop for Progress<'_, '_> {
    fn drop(&mut self) {
        // It stays as it was last.
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn bar(all: usize) -> ProgressBar {
    let bar = ProgressBar::new(all as u64);
    // Checked by a test; without it the bar looks like indicatif's own.
    if let Ok(style) = style() {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

fn style() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    ProgressStyle::with_template("[{bar:20}] {pos}/{len} nodes, {elapsed}: {wide_msg}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(quiet: bool, json: bool, all: &[(&[&str], &[&str])]) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output { out: &mut out, err: &mut err, quiet, json, terminal: false };
        let mut progress = Progress::new(&mut output);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (have, missing) in all {
            progress.see(&Arrivals { have: names(have), missing: names(missing) });
        }
        drop(progress);
        assert!(err.is_empty());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_when_it_begins_and_one_for_each_node() {
        let all: &[(&[&str], &[&str])] =
            &[(&["ams"], &["ord", "syd"]), (&["ams", "syd"], &["ord"]), (&["ams", "ord", "syd"], &[])];
        let lines = "Waiting for ord, syd\nams has it (1 of 3)\nsyd has it (2 of 3)\nord has it (3 of 3)\n";
        assert_eq!(told(false, false, all), lines);
        assert_eq!(told(true, false, all), "");
        assert_eq!(told(false, true, all), "");
        // Alone there is nobody.
        assert_eq!(told(false, false, &[(&[], &[])]), "");
    }

    #[test]
    fn the_bars_have_their_style() {
        style().unwrap();
        asking_style().unwrap();
    }
}
