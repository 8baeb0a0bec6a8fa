//! The guard: compares what is stable with committed limits. Times are not, and have none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cases::{FUNCTIONS, checked};
use crate::measure::{Bench, Warm};
use crate::process::Process;
use crate::report::{percentile, zip_size};
use crate::stubs::{Counts, listed};
use crate::{Result, functions, output, program, root};

/// By how much a figure may differ from the committed one.
const PACKAGE: f64 = 0.02;
const INSTRUCTIONS: f64 = 0.03;
const MEMORY: f64 = 0.05;
/// In KiB, in addition.
const MEMORY_MARGIN: f64 = 256.0;
/// Processes of each case, and warm requests of each.
const PROCESSES: u32 = 3;
const WARM: u32 = 20;

/// The committed figures, in tests/benches/guard.json.
#[derive(Default, Serialize, Deserialize)]
struct Figures {
    zip_bytes: BTreeMap<String, f64>,
    /// Of list-messages with a good token.
    instructions: BTreeMap<String, f64>,
    peak_memory_kib: BTreeMap<String, f64>,
    cold_request: BTreeMap<String, Counts>,
    warm_request: BTreeMap<String, Counts>,
}

/// Fails with a list of what differs. With `accept`, commits to what was measured instead.
pub(crate) fn run(bench: &Bench, accept: bool) -> Result<()> {
    let (figures, path) = (measure(bench)?, folder().join("guard.json"));
    let functions: BTreeSet<&str> = FUNCTIONS.iter().map(|case| case.program).collect();
    if accept {
        fs::write(path, serde_json::to_string_pretty(&figures)? + "\n")?;
        fs::create_dir_all(folder().join("crates"))?;
        for function in functions {
            fs::write(crates_file(function), crates(function)?)?;
        }
        println!("guard: wrote tests/benches/guard.json and tests/benches/crates");
        return Ok(());
    }
    let limits: Figures = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut differences = compare(&figures, &limits);
    for function in functions {
        let committed = fs::read_to_string(crates_file(function))?;
        let (now, before): (BTreeSet<String>, BTreeSet<String>) =
            (lines(&crates(function)?), lines(&committed));
        differences.extend(now.difference(&before).map(|name| format!("{function}: the crate {name} came")));
        differences.extend(before.difference(&now).map(|name| format!("{function}: the crate {name} went")));
    }
    if differences.is_empty() {
        println!("guard: sizes, memory, calls, connections, crates and instructions are as committed");
        return Ok(());
    }
    let advice = "If that is meant, run `cargo xtask bench --guard --accept` and commit its changes.";
    Err(format!("the guard found differences:\n  {}\n{advice}", differences.join("\n  ")).into())
}

fn measure(bench: &Bench) -> Result<Figures> {
    let mut figures = Figures::default();
    let folder = functions();
    for case in &FUNCTIONS {
        let name = format!("{}, {}", case.program, case.name);
        figures.zip_bytes.insert(case.program.to_owned(), zip_size(&program(&folder, case.program))?);
        let mut warm = Warm::default();
        for _ in 0..PROCESSES {
            let cold = bench.cold(case, &folder, None)?;
            if let Some(other) = figures.cold_request.insert(name.clone(), cold.counts.clone())
                && other != cold.counts
            {
                return Err(format!("{name}: two cold starts differ: {other:?} and {:?}", cold.counts).into());
            }
            bench.warm(case, &folder, (WARM, None), &mut warm)?;
        }
        figures.peak_memory_kib.insert(name.clone(), percentile(&warm.peak_memory, 50));
        figures.warm_request.insert(name, warm.counts.swap_remove(0));
    }
    // The start has no count: most of it are handshakes, and how many instructions these take depends
    // on the processor (measured: a quarter fewer on another one).
    let [ten, many] = [10, 110].map(|requests| least_instructions(bench, requests));
    figures.instructions.insert("a warm request".to_owned(), (many? - ten?) / 100.0);
    Ok(figures)
}

/// The least of some processes: on a busy machine a call may run into its time limit and be repeated.
fn least_instructions(bench: &Bench, requests: u32) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..PROCESSES {
        least = least.min(instructions(bench, requests)?);
    }
    Ok(least)
}

/// The instructions of list-messages from its start to the response to the last of `requests`,
/// counted by valgrind. (iai-callgrind runs functions of a benchmark's own binary. It cannot start a
/// released binary under a Runtime API server.)
fn instructions(bench: &Bench, requests: u32) -> Result<f64> {
    let (case, folder) = (&FUNCTIONS[0], functions());
    let event = bench.prepare(case, &folder)?;
    let program = program(&folder, case.program);
    let command =
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &program.to_string_lossy()];
    // valgrind is about fifty times slower: without latency nothing runs into its time limit.
    bench.stubs.be_slow(false);
    let mut process = Process::start(&bench.ground, &command, case.mode, None)?;
    for _ in 0..requests {
        let (_, body) = process.invoke(&event)?;
        checked(&body, case.status)?;
    }
    process.end()?;
    bench.stubs.be_slow(true);
    let log = fs::read_to_string(&bench.ground.log)?;
    let collected = log.lines().find_map(|line| line.split_once("Collected :"));
    let (_, count) = collected.ok_or_else(|| format!("valgrind counted nothing: {log}"))?;
    Ok(count.trim().parse()?)
}

fn compare(now: &Figures, before: &Figures) -> Vec<String> {
    let mut differences = Vec::new();
    let mut numbers = |what: &str,
                       now: &BTreeMap<String, f64>,
                       before: &BTreeMap<String, f64>,
                       most: f64,
                       least: f64,
                       margin: f64| {
        for (name, now) in now {
            let before = before.get(name).copied().unwrap_or_default();
            let change = (now - before) / before * 100.0;
            if *now > before * (1.0 + most) + margin || *now < before * (1.0 - least) - margin {
                differences.push(format!("{name}: {what} {now:.0}, committed {before:.0} ({change:+.1} %)"));
            }
        }
    };
    numbers("bytes of the package", &now.zip_bytes, &before.zip_bytes, PACKAGE, PACKAGE, 0.0);
    numbers("instructions", &now.instructions, &before.instructions, INSTRUCTIONS, INSTRUCTIONS, 0.0);
    numbers("KiB at the peak", &now.peak_memory_kib, &before.peak_memory_kib, MEMORY, 1.0, MEMORY_MARGIN);
    for (what, now, before) in [
        ("a cold request", &now.cold_request, &before.cold_request),
        ("a warm request", &now.warm_request, &before.warm_request),
    ] {
        for (name, now) in now {
            let before = before.get(name).cloned().unwrap_or_default();
            let parts = [
                ("calls", &now.calls, &before.calls),
                ("connections", &now.connections, &before.connections),
            ];
            for (part, now, before) in parts.into_iter().filter(|(_, now, before)| now != before) {
                let (now, before) = (listed(now), listed(before));
                differences.push(format!("{name}: {part} of {what}: {now}; committed: {before}"));
            }
        }
    }
    differences
}

/// The names of the crates in a function's binary.
fn crates(function: &str) -> Result<String> {
    let edges = "normal,no-proc-macro";
    let tree = output("cargo", &["tree", "--locked", "-p", function, "-e", edges, "--prefix", "none"])?;
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    Ok(names.into_iter().collect::<Vec<_>>().join("\n") + "\n")
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

fn folder() -> PathBuf {
    root().join("tests/benches")
}

fn crates_file(function: &str) -> PathBuf {
    folder().join("crates").join(format!("{function}.txt"))
}
