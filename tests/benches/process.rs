//! A function as a process: started with a clean environment in a cgroup of its own, whose CPU
//! quota begins after init, because Lambda does not throttle init.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::runtime_api::{Invocation, Ready, RuntimeApi};
use crate::{Mode, Result};

/// The memory in MB at which Lambda gives a function one whole CPU (AWS, "Configure Lambda function
/// memory").
const MEMORY_OF_A_CPU: u64 = 1769;
/// The period of the CPU quota in microseconds.
const PERIOD: u64 = 20_000;

/// The cgroup that the functions run in, one after the other.
pub(crate) struct Cgroup {
    /// One for its quota and one for its usage, or one for both.
    folders: Vec<PathBuf>,
    is_v2: bool,
}

impl Cgroup {
    /// `None` if this machine does not let us.
    pub(crate) fn new() -> Option<Self> {
        let (root, name) = (Path::new("/sys/fs/cgroup"), format!("postern-bench-{}", std::process::id()));
        let is_v2 = root.join("cgroup.controllers").exists();
        let parents =
            if is_v2 { vec![root.to_owned()] } else { vec![root.join("cpu"), root.join("cpuacct")] };
        for parent in &parents {
            remove_forgotten(parent);
        }
        if is_v2 {
            // It may be there already.
            let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu");
        }
        let group = Self { folders: parents.iter().map(|parent| parent.join(&name)).collect(), is_v2 };
        let is_made = group.folders.iter().all(|folder| fs::create_dir(folder).is_ok());
        (is_made && group.limit(None).is_ok() && group.cpu().is_ok()).then_some(group)
    }

    /// Gives the group the share of a CPU that Lambda gives a function with this much memory.
    fn limit(&self, memory: Option<u64>) -> std::io::Result<()> {
        let quota = memory.map(|memory| (PERIOD * memory / MEMORY_OF_A_CPU).to_string());
        let folder = &self.folders[0];
        if self.is_v2 {
            let quota = quota.as_deref().unwrap_or("max");
            return fs::write(folder.join("cpu.max"), format!("{quota} {PERIOD}"));
        }
        fs::write(folder.join("cpu.cfs_period_us"), PERIOD.to_string())?;
        fs::write(folder.join("cpu.cfs_quota_us"), quota.as_deref().unwrap_or("-1"))
    }

    /// The CPU time that the group has used so far, in milliseconds.
    fn cpu(&self) -> Result<f64> {
        if self.is_v2 {
            let text = fs::read_to_string(self.folders[0].join("cpu.stat"))?;
            let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
            return Ok(usage.ok_or("cpu.stat has no usage_usec")?.parse::<f64>()? / 1e3);
        }
        let text = fs::read_to_string(self.folders[1].join("cpuacct.usage"))?;
        Ok(text.trim().parse::<f64>()? / 1e6)
    }
}

/// Removes the groups of benches that were killed.
fn remove_forgotten(parent: &Path) {
    for folder in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = folder.file_name();
        let bench = name.to_str().and_then(|name| name.strip_prefix("postern-bench-"));
        if bench.is_some_and(|bench| !Path::new("/proc").join(bench).exists()) {
            let _ = fs::remove_dir(folder.path());
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Where functions run.
pub(crate) struct Ground {
    pub(crate) api: RuntimeApi,
    pub(crate) cgroup: Option<Cgroup>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// What the functions log.
    pub(crate) log: PathBuf,
}

/// A function that runs, and waits for an event.
pub(crate) struct Process<'a> {
    ground: &'a Ground,
    child: Child,
    /// Open as long as the process runs.
    _input: ChildStdin,
    ready: Ready,
    /// From its start until it asked for the first event.
    pub(crate) init: Duration,
    /// The CPU time of init, in milliseconds.
    pub(crate) init_cpu: f64,
    begun: Usage,
}

/// What a process has used.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// In milliseconds.
    pub(crate) cpu: f64,
    pub(crate) minor_faults: f64,
    pub(crate) major_faults: f64,
}

impl<'a> Process<'a> {
    /// Starts a program and waits until it asks for an event. From then on it has the CPU of a
    /// function with `memory` MB; `None` is a whole one.
    pub(crate) fn start(
        ground: &'a Ground,
        command: &[&str],
        mode: Mode,
        memory: Option<u64>,
    ) -> Result<Self> {
        ground.api.clear();
        let mut enter = String::new();
        if let Some(cgroup) = &ground.cgroup {
            cgroup.limit(None)?;
            for folder in &cgroup.folders {
                let _ = write!(enter, "echo $$ >{}/cgroup.procs; ", folder.display());
            }
        }
        // The shell enters the cgroup and waits for a line. Time is measured from there.
        let script = format!("{enter}echo; read go; exec \"$@\" >\"$0\" 2>&1");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(&ground.log).args(command).env_clear();
        shell.envs(ground.environment.iter().map(|(name, value)| (*name, value.as_str())));
        shell.env("AWS_LAMBDA_RUNTIME_API", &ground.api.address);
        if mode == Mode::Expired {
            // `limit` is told, so that it can read the client's secret at once.
            shell.env("BENCH_EXPIRED", "1");
        }
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().ok_or("the shell has no input")?;
        let output = child.stdout.take().ok_or("the shell has no output")?;
        BufReader::new(output).read_line(&mut String::new())?;
        let begun = usage(ground, child.id())?;
        let start = Instant::now();
        input.write_all(b"\n")?;
        let ready = ground.api.ready().map_err(|error| failed(ground, &*error))?;
        let init_cpu = usage(ground, child.id())?.cpu - begun.cpu;
        if let Some(cgroup) = &ground.cgroup {
            cgroup.limit(memory)?;
        }
        let init = ready.at - start;
        Ok(Self { ground, child, _input: input, ready, init, init_cpu, begun })
    }

    /// Hands an event over, and waits until the function asks for the next one.
    pub(crate) fn invoke(&mut self, event: &str) -> Result<(Duration, Vec<u8>)> {
        let invocation = self.ground.api.invoke(&self.ready, event);
        let Invocation { took, body, ready } = invocation.map_err(|error| failed(self.ground, &*error))?;
        self.ready = ready;
        Ok((took, body))
    }

    /// What it has used since it was started.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let now = usage(self.ground, self.child.id())?;
        Ok(Usage {
            cpu: now.cpu - self.begun.cpu,
            minor_faults: now.minor_faults - self.begun.minor_faults,
            major_faults: now.major_faults - self.begun.major_faults,
        })
    }

    /// The most memory that it has had, in KiB.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        Ok(peak.ok_or("the process has ended")?.trim().trim_end_matches(" kB").parse()?)
    }

    /// Asks it to end, and waits. valgrind writes its figures then.
    pub(crate) fn end(mut self) -> Result<()> {
        crate::output("kill", &[&self.child.id().to_string()])?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn usage(ground: &Ground, id: u32) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let fields: Vec<f64> = fields.map(|field| field.parse().unwrap_or_default()).collect();
    let cpu = match &ground.cgroup {
        Some(cgroup) => cgroup.cpu()?,
        None => threads_cpu(id)?,
    };
    // proc_pid_stat(5): minflt is field 10 and majflt field 12; the first of these is field 3.
    Ok(Usage { cpu, minor_faults: fields[7], major_faults: fields[9] })
}

/// Without a cgroup: the CPU time of the threads that live.
fn threads_cpu(id: u32) -> Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    }
    Ok(nanoseconds / 1e6)
}

/// The error with the end of what the function logged.
fn failed(ground: &Ground, error: &dyn std::error::Error) -> String {
    let log = fs::read_to_string(&ground.log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().rev().take(5).collect();
    format!("{error}; its log ends with:\n{}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
}
