//! What the person at the terminal sees and is asked.

use std::io::{IsTerminal, Write, stdin, stdout};

use indicatif::{ProgressBar, ProgressStyle};

/// Refuses to go on if nobody can be asked, unless `yes` was given.
pub(crate) fn require(yes: bool) -> Result<(), String> {
    let can_go_on = yes || stdin().is_terminal();
    if can_go_on { Ok(()) } else { Err("there is no terminal to ask at; give --yes".to_owned()) }
}

/// Asks; anything but yes ends the command.
pub(crate) fn confirm(question: &str) -> Result<(), String> {
    print!("{question} [y/N] ");
    let _ = stdout().flush();
    let mut answer = String::new();
    let _ = stdin().read_line(&mut answer);
    let agrees = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    if agrees { Ok(()) } else { Err("nothing was changed".to_owned()) }
}

/// How far a command is, shown at a terminal only.
pub(crate) fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len}  {per_sec}  {eta} left");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
