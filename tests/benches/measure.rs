//! What is measured: each case of each program, cold and warm, in turns.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::answers::{self, World};
use crate::process::{Cgroup, Ground, Process};
use crate::report::{Figures, Row};
use crate::runtime_api::RuntimeApi;
use crate::stubs::{BackEnd, Counts, Stubs};
use crate::{Mode, Options, Result, root};

/// Warm requests of one process before the next case has its turn.
const TURN: u32 = 250;

/// A folder with binaries, and its name in the tables.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// One kind of request to one program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) program: &'static str,
    pub(crate) name: &'static str,
    pub(crate) mode: Mode,
    event: Event,
    pub(crate) status: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Start,
    Callback,
    Messages,
}

/// The functions' cases.
pub(crate) const FUNCTIONS: [Case; 4] = [
    case("list-messages", "good token", Mode::Good, Event::Messages, 200),
    case("list-messages", "expired token", Mode::Expired, Event::Messages, 200),
    case("auth-start", "sign-in", Mode::Good, Event::Start, 302),
    case("oauth-callback", "sign-in", Mode::Good, Event::Callback, 303),
];
/// The names of the cases in the order of the tables.
const CASES: [&str; 4] = ["good token", "expired token", "sign-in", "any event"];
/// The yardsticks' cases.
const YARDSTICKS: [Case; 5] = [
    case("limit", "good token", Mode::Good, Event::Messages, 200),
    case("limit", "expired token", Mode::Expired, Event::Messages, 200),
    case("ordinary", "good token", Mode::Good, Event::Messages, 200),
    case("ordinary", "expired token", Mode::Expired, Event::Messages, 200),
    case("hello", "any event", Mode::Good, Event::Messages, 200),
];

const fn case(program: &'static str, name: &'static str, mode: Mode, event: Event, status: u64) -> Case {
    Case { program, name, mode, event, status }
}

/// The servers, and where functions run.
pub(crate) struct Bench {
    world: World,
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

    /// Makes the back ends answer as `case` needs, and returns its event.
    pub(crate) fn prepare(&self, case: &Case, folder: &Path) -> Result<String> {
        let token_endpoint = format!("{}/token", self.stubs.url(BackEnd::Token));
        let answer =
            |nonce: &str| self.stubs.answer_with(self.world.answers(case.mode, &token_endpoint, nonce));
        answer("");
        let page = [("accept", "text/html"), ("user-agent", "Mozilla/5.0")];
        let start = || {
            let query = "return_to=https%3A%2F%2Fapp.example.com%2F&login_hint=ann%40example.com";
            answers::event("/auth/start", query, &page, &[])
        };
        match case.event {
            Event::Start => start(),
            Event::Messages => {
                let cookie = format!("__Host-session={}", self.world.session_token.expose());
                let headers = [("accept", "application/json"), ("x-requested-with", "fetch")];
                answers::event("/messages", "maxResults=25", &headers, &[&cookie])
            }
            Event::Callback => {
                // A flow lives for ten minutes, so each turn begins its own.
                let program = folder.join("auth-start");
                let mut process =
                    Process::start(&self.ground, &[&program.to_string_lossy()], case.mode, None)?;
                let (_, body) = process.invoke(&start()?)?;
                let reply: Value = checked(&body, 302)?;
                let location = reply["headers"]["location"].as_str().unwrap_or_default();
                let parameter = |name: &str| {
                    let pairs = location.split(['?', '&']).filter_map(|pair| pair.split_once('='));
                    pairs
                        .filter(|(found, _)| *found == name)
                        .map(|(_, value)| value)
                        .next()
                        .unwrap_or_default()
                };
                answer(parameter("nonce"));
                let cookie = reply["cookies"][0].as_str().and_then(|cookie| cookie.split(';').next());
                let query = format!(
                    "state={}&iss=https%3A%2F%2Faccounts.google.com&code=4%2F0{}&authuser=0&prompt=consent",
                    parameter("state"),
                    "AbCdEf-_".repeat(9)
                );
                answers::event("/oauth/callback", &query, &page, &[cookie.unwrap_or_default()])
            }
        }
    }

    /// A cold start.
    pub(crate) fn cold(&self, case: &Case, folder: &Path, memory: Option<u64>) -> Result<Cold> {
        let event = self.prepare(case, folder)?;
        let before = self.stubs.counts();
        let program = folder.join(case.program);
        let mut process = Process::start(&self.ground, &[&program.to_string_lossy()], case.mode, memory)?;
        let (took, body) = process.invoke(&event)?;
        let usage = process.usage()?;
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
    pub(crate) fn warm(&self, case: &Case, folder: &Path, requests: u32, warm: &mut Warm) -> Result<()> {
        let event = self.prepare(case, folder)?;
        let program = folder.join(case.program);
        let mut process = Process::start(&self.ground, &[&program.to_string_lossy()], case.mode, None)?;
        process.invoke(&event)?;
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

/// Every case of every build, cold and warm, in turns.
pub(crate) fn all(bench: &Bench, options: &Options) -> Result<Figures> {
    let ours = Build { name: String::new(), folder: root().join("target/release") };
    let mut rows = Vec::new();
    for case in FUNCTIONS {
        let builds = std::iter::once(&ours).chain(&options.binaries);
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
            bench.warm(&row.source, &row.folder, requests, warm)?;
        }
        left -= requests;
    }
    progress("");
    for (row, (cold, warm)) in rows.iter_mut().zip(cold.into_iter().zip(warm)) {
        row.fill(&memories, &cold, &warm)?;
    }
    Figures::new(rows)
}

/// The response, which must have this status.
pub(crate) fn checked(body: &[u8], status: u64) -> Result<Value> {
    let reply: Value = serde_json::from_slice(body)?;
    if reply["statusCode"] == status {
        return Ok(reply);
    }
    Err(format!("expected the status {status}: {}", String::from_utf8_lossy(body)).into())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Replaces the last line of the terminal.
fn progress(text: &str) {
    eprint!("\r{text:60}\r");
    let _ = std::io::stderr().flush();
}
