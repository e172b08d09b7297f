use serde_json::{Value, json};

/// The machine of a run: figures of different machines cannot be compared.
pub(super) fn describe() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let kilobytes = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let kilobytes: u64 = kilobytes.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or_default();
    json!({
        "processor": model.trim_start_matches(['\t', ' ', ':']),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memoryGigabytes": kilobytes / (1024 * 1024),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}
