//! `cargo xtask import`: refresh tokens of another system become grants of a deployment, one line
//! of a file after the other. Prints line numbers, verdicts and fixed sentences, and nothing of a
//! line.

mod journal;
mod lines;
mod report;
mod rotated;
mod run;
#[cfg(test)]
#[cfg(feature = "local")]
mod tests;

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postern_rules::config::names;

use self::journal::Journal;
use self::report::Report;
use self::rotated::Rotated;
use self::run::{End, Run, Settings};
use crate::commands::ImportOptions;
use crate::places::require_services;
use crate::processes::asked_to_stop;
use crate::{target, terminal};

/// The least waits before further attempts at an entry that met a temporary failure.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Imports the file, from where an earlier run ended.
pub(crate) async fn run(options: ImportOptions) -> Result<(), String> {
    let total = lines::count(&options.file)?;
    let google = options.target.local.then_some(options.google_port);
    if let Some(port) = google {
        require_services(&[("--google-port", port)]).await?;
    }
    let user_info = google.map(|port| format!("http://127.0.0.1:{port}/oauth2/v3/userinfo"));
    let changes = user_info.map(|url| (names::GOOGLE_USERINFO_URL.name, url));
    let app = target::app(&options.target, changes.as_slice()).await?;
    let run = Run::new(&app, Settings::of(&options), &options.file).await?;
    if is_open_to_others(&options.file) {
        eprintln!("warning: others can read {0}; run chmod 600 {0}", options.file.display());
    }
    let mut report = Report::create(options.report.as_deref())?;
    if options.dry_run {
        println!("dry run: Google is asked about each token, and nothing is stored");
    }
    let bar = terminal::bar(total);
    let mut tell = |number: u64, outcome: &report::Outcome| {
        if let Some(line) = report.add(number, outcome)? {
            bar.suspend(|| println!("{line}"));
        }
        bar.inc(1);
        Ok(())
    };
    let end = run.all(lines::Lines::open(&options.file)?, asked_to_stop(), &mut tell).await;
    bar.finish_and_clear();
    println!("{}", report.summary(options.dry_run));
    match end? {
        End::Stopped => Err("interrupted; the same command goes on from there".to_owned()),
        End::Complete if report.is_to_be_repeated() => {
            Err("some lines are to be tried again: run the same command again".to_owned())
        }
        End::Complete => Ok(()),
    }
}

/// Whether the file's group or others may read it.
fn is_open_to_others(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

/// The path of a file beside the imported one.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(ending);
    name.into()
}
