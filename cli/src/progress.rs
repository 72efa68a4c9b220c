//! Progress on stderr: only for people, only on a terminal.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar for work whose amount is known; hidden where nobody looks.
pub(crate) fn bar(visible: bool, total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let visible = visible && std::io::stderr().is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len} {rate:>8} {eta:>5}") {
        bar.set_style(style.with_key("rate", rate));
    }
    if visible {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

/// A bar for bytes that are fetched.
pub(crate) fn bytes(visible: bool, total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar = bar(visible, total, what);
    if let Ok(style) =
        ProgressStyle::with_template("{msg:24} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec:>8} {eta:>5}")
    {
        bar.set_style(style);
    }
    bar
}

/// A sign of life for work whose amount is not known; hidden where nobody looks.
pub(crate) fn spinner(visible: bool, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    if !visible || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    let rate = state.per_sec();
    // Large models embed a text or two in a second.
    let digits = usize::from(rate < 10.0);
    let _ = write!(out, "{rate:.digits$}/s");
}
