//! The figures: medians of the samples, as tables and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use crate::cases::Case;
use crate::measure::{Build, Cold, Warm};
use crate::stubs::{Counts, listed};
use crate::{Result, chart, output, program, root};

/// What a zip archive adds to one compressed file whose name is `bootstrap`.
const ZIP_FRAME: usize = 134;
/// Tables in docs/performance.md are between these lines.
const MARKERS: [&str; 2] = ["<!-- figures: begin -->\n", "<!-- figures: end -->\n"];

/// All figures of a run.
#[derive(Serialize)]
pub(crate) struct Figures {
    date: String,
    commit: String,
    command: String,
    machine: String,
    pub(crate) rows: Vec<Row>,
}

/// The figures of one case. Times are in milliseconds.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) program: String,
    pub(crate) case: &'static str,
    binary_bytes: f64,
    zip_bytes: f64,
    peak_memory_kib: f64,
    /// By memory in MB; `cpu` is a whole CPU.
    pub(crate) cold: BTreeMap<String, Cold>,
    cold_counts: Counts,
    pub(crate) warm: WarmFigures,
    #[serde(skip)]
    pub(crate) source: Case,
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

#[derive(Default, Serialize)]
pub(crate) struct WarmFigures {
    pub(crate) p50: f64,
    p90: f64,
    p99: f64,
    per_second: f64,
    pub(crate) cpu: f64,
    counts: Counts,
}

impl Row {
    pub(crate) fn new(source: Case, build: &Build) -> Self {
        let name = if build.name.is_empty() { String::new() } else { format!(" ({})", build.name) };
        Self {
            program: format!("{}{name}", source.program),
            case: source.name,
            binary_bytes: 0.0,
            zip_bytes: 0.0,
            peak_memory_kib: 0.0,
            cold: BTreeMap::new(),
            cold_counts: Counts::default(),
            warm: WarmFigures::default(),
            source,
            folder: build.folder.clone(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        program(&self.folder, self.source.program)
    }

    pub(crate) fn fill(&mut self, memories: &[Option<u64>], cold: &[Vec<Cold>], warm: &Warm) -> Result<()> {
        self.binary_bytes = fs::metadata(self.path())?.len() as f64;
        self.zip_bytes = zip_size(&self.path())?;
        self.cold_counts = cold[0].first().map(|cold| cold.counts.clone()).unwrap_or_default();
        for (memory, samples) in memories.iter().zip(cold) {
            let name = memory.map_or("cpu".to_owned(), |memory| memory.to_string());
            self.cold.insert(name, medians(samples));
        }
        let requests = warm.took.len() as f64;
        self.warm = WarmFigures {
            p50: percentile(&warm.took, 50),
            p90: percentile(&warm.took, 90),
            p99: percentile(&warm.took, 99),
            per_second: rounded(1000.0 * requests / warm.took.iter().sum::<f64>()),
            cpu: rounded(warm.cpu / requests),
            counts: warm.counts.first().cloned().unwrap_or_default(),
        };
        self.peak_memory_kib = percentile(&warm.peak_memory, 50);
        Ok(())
    }
}

impl Figures {
    pub(crate) fn new(rows: Vec<Row>) -> Result<Self> {
        let cpu = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let model = model.trim_start_matches([' ', '\t', ':']);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let cores = std::thread::available_parallelism()?;
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Ok(Self {
            date: output("date", &["-u", "+%F"])?,
            commit: output("git", &["describe", "--always", "--dirty"])?,
            command: format!("cargo xtask bench {}", arguments.join(" ")).trim_end().to_owned(),
            machine: format!("{model}, {cores} cores, Linux {}", kernel.trim()),
            rows,
        })
    }
}

/// The size of the zip archive that Lambda gets.
pub(crate) fn zip_size(path: &Path) -> Result<f64> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&fs::read(path)?)?;
    Ok((encoder.finish()?.len() + ZIP_FRAME) as f64)
}

/// The tables, in Markdown and aligned.
pub(crate) fn tables(figures: &Figures) -> String {
    let rows = &figures.rows;
    let memories: Vec<&String> = rows.first().map(|row| row.cold.keys().rev().collect()).unwrap_or_default();
    let named = |row: &Row| vec![row.program.clone(), row.case.to_owned()];
    let mut text =
        format!("{}; {}; commit {}; `{}`\n", figures.date, figures.machine, figures.commit, figures.command);

    let mut titles = vec!["Cold start in ms".to_owned(), String::new()];
    titles.extend(memories.iter().map(|memory| match memory.as_str() {
        "cpu" => "whole CPU".to_owned(),
        memory => format!("{memory} MB"),
    }));
    titles.extend(["init", "first invocation", "CPU of init", "CPU of the first"].map(str::to_owned));
    text += &table(&titles, rows, |row| {
        let mut cells = named(row);
        cells.extend(memories.iter().map(|memory| format!("{:.1}", row.cold[*memory].total)));
        let whole = row.cold.get("cpu").cloned().unwrap_or_default();
        let parts = [whole.init, whole.first, whole.init_cpu, whole.first_cpu];
        cells.extend(parts.map(|part| format!("{part:.2}")));
        cells
    });
    let titles = ["Warm requests in ms", "", "p50", "p90", "p99", "requests/s", "CPU"].map(str::to_owned);
    text += &table(&titles, rows, |row| {
        let warm = &row.warm;
        let mut cells = named(row);
        cells.extend([warm.p50, warm.p90, warm.p99].map(|part| format!("{part:.2}")));
        cells.extend([format!("{:.0}", warm.per_second), format!("{:.2}", warm.cpu)]);
        cells
    });
    let titles = ["Size", "", "peak RSS MB", "zip MB", "binary MB", "page faults (major)"].map(str::to_owned);
    text += &table(&titles, rows, |row| {
        let whole = row.cold.get("cpu").cloned().unwrap_or_default();
        let mut cells = named(row);
        cells.push(format!("{:.1}", row.peak_memory_kib / 1024.0));
        cells.extend([row.zip_bytes, row.binary_bytes].map(|size| format!("{:.2}", size / 1e6)));
        cells.push(format!("{:.0} ({:.0})", whole.minor_faults, whole.major_faults));
        cells
    });
    let titles = ["Calls", "", "cold", "connections, cold", "warm", "connections, warm"].map(str::to_owned);
    text += &table(&titles, rows, |row| {
        let mut cells = named(row);
        for counts in [&row.cold_counts, &row.warm.counts] {
            cells.extend([listed(&counts.calls), listed(&counts.connections)]);
        }
        cells
    });
    text
}

fn table(titles: &[String], rows: &[Row], cells: impl Fn(&Row) -> Vec<String>) -> String {
    let lines: Vec<Vec<String>> = std::iter::once(titles.to_vec()).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut text = "\n".to_owned();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let is_number =
                number > 0 && cell.chars().all(|letter| letter.is_ascii_digit() || " .()".contains(letter));
            let _ =
                if is_number { write!(text, "| {cell:>width$} ") } else { write!(text, "| {cell:width$} ") };
        }
        text += "|\n";
        if number == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text += "|\n";
        }
    }
    text
}

/// Writes the JSON, the charts, and the tables of docs/performance.md.
pub(crate) fn write(figures: &Figures) -> Result<()> {
    let folder = root().join("docs/performance");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("figures.json"), serde_json::to_string_pretty(figures)? + "\n")?;
    fs::write(folder.join("cold.svg"), chart::cold(figures))?;
    fs::write(folder.join("warm.svg"), chart::warm(figures))?;
    let path = root().join("docs/performance.md");
    let document = fs::read_to_string(&path)?;
    let parts = document.split_once(MARKERS[0]).zip(document.split_once(MARKERS[1]));
    let ((before, _), (_, after)) = parts.ok_or("docs/performance.md has no marks for the figures")?;
    let tables = tables(figures);
    fs::write(path, format!("{before}{}\n{tables}\n{}{after}", MARKERS[0], MARKERS[1]))?;
    Ok(())
}

fn medians(samples: &[Cold]) -> Cold {
    let median = |field: fn(&Cold) -> f64| percentile(&samples.iter().map(field).collect::<Vec<_>>(), 50);
    Cold {
        init: median(|cold| cold.init),
        first: median(|cold| cold.first),
        total: median(|cold| cold.total),
        init_cpu: median(|cold| cold.init_cpu),
        first_cpu: median(|cold| cold.first_cpu),
        minor_faults: median(|cold| cold.minor_faults),
        major_faults: median(|cold| cold.major_faults),
        counts: Counts::default(),
    }
}

pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    rounded(values.get((last * percent + 50) / 100).copied().unwrap_or_default())
}

/// To thousandths.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
