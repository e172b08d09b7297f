//! Memory and CPU time of a process.
use anyhow::Context;

/// A process's resource usage, as Linux counts it.
pub(crate) struct ProcessStats {
    resident_kilobytes: u64,
    peak_kilobytes: u64,
    cpu_ticks: u64,
}

/// The unit of CPU time in `/proc`, on every architecture that Rust supports.
const MILLISECONDS_PER_TICK: f64 = 10.0;

impl ProcessStats {
    pub(crate) fn read(pid: u32) -> anyhow::Result<Self> {
        let read_proc = |file: &str| {
            let path = format!("/proc/{pid}/{file}");
            std::fs::read_to_string(&path).with_context(|| format!("{path}: memory can be measured on Linux only"))
        };
        let (status, stat) = (read_proc("status")?, read_proc("stat")?);
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        // The name in brackets may hold spaces; user and system time are the 12th and 13th field after it.
        let after_name = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        let cpu_ticks =
            after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Self { resident_kilobytes: field("VmRSS"), peak_kilobytes: field("VmHWM"), cpu_ticks })
    }

    pub(crate) fn resident_megabytes(&self) -> f64 {
        self.resident_kilobytes as f64 / 1024.0
    }

    pub(crate) fn peak_megabytes(&self) -> f64 {
        self.peak_kilobytes as f64 / 1024.0
    }

    pub(crate) fn cpu_milliseconds(&self) -> f64 {
        self.cpu_ticks as f64 * MILLISECONDS_PER_TICK
    }
}
