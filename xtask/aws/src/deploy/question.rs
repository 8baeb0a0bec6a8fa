//! Asks the person at the terminal.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};

use tokio::sync::oneshot;

/// Whether there is a person to ask.
pub(crate) fn can_be_asked() -> bool {
    stdin().is_terminal()
}

/// Asks a question; everything but a yes is a no.
pub(crate) async fn answer_is_yes(question: &str) -> bool {
    print!("{question} [y/N] ");
    let _ = stdout().flush();
    let (sender, receiver) = oneshot::channel();
    // A thread of its own: one of the runtime's would keep the process from ending at Ctrl-C until a line came.
    #[expect(clippy::disallowed_methods, reason = "it runs beside the command")]
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = stdin().lock().read_line(&mut line);
        let _ = sender.send(line);
    });
    is_yes(&receiver.await.unwrap_or_default())
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_a_yes_is_a_no() {
        for (line, expected) in [
            ("y\n", true),
            ("YES\n", true),
            (" y \n", true),
            ("", false),
            ("\n", false),
            ("n\n", false),
            ("yess\n", false),
        ] {
            assert_eq!(is_yes(line), expected, "{line:?}");
        }
    }
}
