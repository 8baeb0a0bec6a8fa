//! What is measured: each case of each program, cold and warm, in turns.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::answers::{self, World};
use crate::cases::{CASES, Case, FUNCTIONS, YARDSTICKS, checked};
use crate::process::{Cgroup, Ground, Process};
use crate::report::{Figures, Row};
use crate::runtime_api::RuntimeApi;
use crate::stubs::{Counts, Stubs};
use crate::{Mode, Options, Result, functions, program, root};

/// Warm requests of one process before the next case has its turn.
const TURN: u32 = 250;

/// Connections that were begun during init and not awaited count too, if they come this late.
const SETTLE: Duration = Duration::from_millis(20);

/// A folder with binaries, and its name in the tables.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// The servers, and where functions run.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) stubs: Stubs,
    pub(crate) ground: Ground,
}

/// One start and one request; times in milliseconds.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Cold {
    pub(crate) init: f64,
    pub(crate) first: f64,
    /// From the start to the response.
    pub(crate) total: f64,
    pub(crate) init_cpu: f64,
    pub(crate) first_cpu: f64,
    pub(crate) minor_faults: f64,
    pub(crate) major_faults: f64,
    #[serde(skip)]
    pub(crate) counts: Counts,
}

/// Warm requests.
#[derive(Default)]
pub(crate) struct Warm {
    /// In milliseconds.
    pub(crate) took: Vec<f64>,
    pub(crate) cpu: f64,
    pub(crate) counts: Vec<Counts>,
    /// In KiB, at the end of each turn.
    pub(crate) peak_memory: Vec<f64>,
}

impl Bench {
    pub(crate) fn start() -> Result<Self> {
        let world = World::new()?;
        let stubs = Stubs::start(world.answers(Mode::Good, "", ""))?;
        // The certificate and the log are in the folder of this program's build.
        let folder = root().join("target/bench");
        std::fs::create_dir_all(&folder)?;
        let certificate = folder.join("certificate.pem");
        std::fs::write(&certificate, &stubs.certificate)?;
        let environment =
            answers::environment(|back_end| stubs.url(back_end), &certificate.to_string_lossy());
        let (api, cgroup) = (RuntimeApi::start()?, Cgroup::new());
        let ground = Ground { api, cgroup, environment, log: folder.join("log") };
        Ok(Self { world, stubs, ground })
    }

    /// A cold start.
    pub(crate) fn cold(&self, case: &Case, folder: &Path, memory: Option<u64>) -> Result<Cold> {
        let event = self.prepare(case, folder)?;
        let before = self.stubs.counts();
        let program = program(folder, case.program);
        let mut process = Process::start(&self.ground, &[&program.to_string_lossy()], case.mode, memory)?;
        let (took, body) = process.invoke(&event)?;
        let usage = process.usage()?;
        std::thread::sleep(SETTLE);
        checked(&body, case.status)?;
        let (init, first) = (milliseconds(process.init), milliseconds(took));
        Ok(Cold {
            init,
            first,
            total: init + first,
            init_cpu: process.init_cpu,
            first_cpu: usage.cpu - process.init_cpu,
            minor_faults: usage.minor_faults,
            major_faults: usage.major_faults,
            counts: (self.stubs.counts() - &before).per(1),
        })
    }

    /// Adds a turn of warm requests of a process of its own, after one that is not counted.
    pub(crate) fn warm(
        &self,
        case: &Case,
        folder: &Path,
        (requests, memory): (u32, Option<u64>),
        warm: &mut Warm,
    ) -> Result<()> {
        let event = self.prepare(case, folder)?;
        let program = program(folder, case.program);
        let mut process = Process::start(&self.ground, &[&program.to_string_lossy()], case.mode, memory)?;
        process.invoke(&event)?;
        std::thread::sleep(SETTLE);
        let (before, used) = (self.stubs.counts(), process.usage()?.cpu);
        for _ in 0..requests {
            let (took, body) = process.invoke(&event)?;
            checked(&body, case.status)?;
            warm.took.push(milliseconds(took));
        }
        warm.cpu += process.usage()?.cpu - used;
        warm.counts.push((self.stubs.counts() - &before).per(requests));
        warm.peak_memory.push(process.peak_memory()?);
        Ok(())
    }
}

/// A copy of a build's programs, each written in one piece. A file that a linker wrote in many
/// pieces lies in smaller units of the page cache, and starts up to a millisecond later.
fn copy(build: &Build) -> Result<Build> {
    let folder = root().join("target/bench/functions").join(&build.name);
    std::fs::create_dir_all(&folder)?;
    for case in FUNCTIONS.iter().chain(&YARDSTICKS) {
        let (from, to) = (program(&build.folder, case.program), program(&folder, case.program));
        let _ = std::fs::remove_file(&to);
        if from.exists() {
            std::fs::create_dir_all(folder.join(case.program))?;
            std::fs::write(&to, std::fs::read(&from)?)?;
            std::fs::set_permissions(&to, std::fs::metadata(&from)?.permissions())?;
        }
    }
    Ok(Build { name: build.name.clone(), folder })
}

/// Every case of every build, cold and warm, in turns.
pub(crate) fn all(bench: &Bench, options: &Options) -> Result<Figures> {
    let ours = copy(&Build { name: String::new(), folder: functions() })?;
    let others = options.binaries.iter().map(copy).collect::<Result<Vec<Build>>>()?;
    let mut rows = Vec::new();
    for case in FUNCTIONS {
        let builds = std::iter::once(&ours).chain(&others);
        rows.extend(builds.map(|build| Row::new(case, build)));
    }
    rows.extend(YARDSTICKS.map(|case| Row::new(case, &ours)));
    // What is compared stands side by side.
    rows.sort_by_key(|row| CASES.iter().position(|case| *case == row.case));
    rows.retain(|row| format!("{}, {}", row.program, row.case).contains(&options.only));
    let missing = |row: &&Row| !row.path().exists();
    if let Some(row) = rows.iter().find(missing) {
        eprintln!("bench: {} is not there and left out", row.path().display());
    }
    rows.retain(|row| row.path().exists());
    if rows.is_empty() {
        return Err("no case has that name".into());
    }

    let mut memories = vec![None];
    if bench.ground.cgroup.is_some() {
        memories.extend(options.memory.iter().copied().map(Some));
    } else {
        eprintln!("bench: this machine lets us make no cgroup, so there are no figures of a part of a CPU");
    }
    let mut cold = vec![vec![Vec::new(); memories.len()]; rows.len()];
    for round in 1..=options.cold {
        progress(&format!("cold starts, round {round} of {}", options.cold));
        // No program runs twice in a row: the second time it would find the CPU's caches filled.
        for (number, memory) in memories.iter().enumerate() {
            for (row, cold) in rows.iter().zip(&mut cold) {
                cold[number].push(bench.cold(&row.source, &row.folder, *memory)?);
            }
        }
    }
    let mut warm: Vec<Warm> = rows.iter().map(|_| Warm::default()).collect();
    let mut left = options.warm;
    while left > 0 {
        progress(&format!("warm requests, {left} of {} left", options.warm));
        let requests = left.min(TURN);
        for (row, warm) in rows.iter().zip(&mut warm) {
            bench.warm(&row.source, &row.folder, (requests, options.warm_memory), warm)?;
        }
        left -= requests;
    }
    progress("");
    for (row, (cold, warm)) in rows.iter_mut().zip(cold.into_iter().zip(warm)) {
        row.fill(&memories, &cold, &warm)?;
    }
    Figures::new(rows)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Replaces the last line of the terminal.
fn progress(text: &str) {
    eprint!("\r{text:60}\r");
    let _ = std::io::stderr().flush();
}
