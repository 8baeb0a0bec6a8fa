//! Files under `target/` for output that nobody wants to read unless something goes wrong.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

const LINES_SHOWN: usize = 40;

/// Sends the output of `command` to a new file at `path`.
pub(crate) fn write_words_of(command: &mut Command, path: &Path) -> Result<(), String> {
    let file = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| File::create(path))
        .and_then(|file| Ok((file.try_clone()?, file)));
    let (out, errors) = file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    command.stdout(Stdio::from(out)).stderr(Stdio::from(errors));
    Ok(())
}

/// Prints the last lines of the file, if it is there.
pub(crate) fn show_end_of(path: &Path) {
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("the end of {}:", path.display());
    for line in lines.iter().skip(lines.len().saturating_sub(LINES_SHOWN)) {
        eprintln!("  {line}");
    }
}
