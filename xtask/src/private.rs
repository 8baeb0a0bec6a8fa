//! Files to which lines are added, and which only their owner may read.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A file of lines.
pub(crate) struct Private {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl Private {
    /// Opens the file, or creates it, and gives what it holds. A line that a killed process left
    /// without its end is ended.
    pub(crate) fn open(path: &Path) -> Result<(Self, Zeroizing<String>), String> {
        let opened = || {
            let mut options = OpenOptions::new();
            let is_new = !path.exists();
            let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
            if is_new {
                // A new name outlives a crash of the machine only when its directory is on the
                // disk.
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
            }
            file.set_permissions(Permissions::from_mode(0o600))?;
            let mut text = Zeroizing::new(String::new());
            file.read_to_string(&mut text)?;
            if !text.is_empty() && !text.ends_with('\n') {
                file.write_all(b"\n")?;
            }
            Ok((Self { path: path.to_owned(), file }, text))
        };
        opened().map_err(|error: std::io::Error| format!("cannot open {}: {error}", path.display()))
    }

    /// Removes every line.
    pub(crate) fn clear(&mut self) -> Result<(), String> {
        self.file.set_len(0).map_err(|error| format!("cannot empty {}: {error}", self.path.display()))
    }

    /// Adds a line. It is in the system's hands when this returns: a killed process loses nothing.
    pub(crate) fn add(&mut self, line: &str) -> Result<(), String> {
        let line = Zeroizing::new(format!("{line}\n"));
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }
}

/// The file, locked until it is closed. `what` says what else may hold it: `import of this file`.
pub(crate) fn locked(file: &Path, what: &str) -> Result<File, String> {
    let shown = file.display();
    let opened = File::open(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => Err(format!("another {what} is running: {shown}")),
        Err(TryLockError::Error(error)) => Err(format!("cannot lock {shown}: {error}")),
    }
}
