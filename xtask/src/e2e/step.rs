//! How the steps report: one line each.

/// Prints that a step succeeded.
pub(super) fn say(step: &str) {
    println!("ok  {step}");
}
