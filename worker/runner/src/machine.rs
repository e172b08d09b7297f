use std::fs;
use std::path::Path;

use rustix::fs::{StatVfs, statvfs};

/// What the kernel says of the build machine: whether it has disk and memory left.
///
/// A server, a repository and a command can write any words, but not these numbers.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Processes of this container that the kernel killed for want of memory, when the checkout began.
    out_of_memory_kills: u64,
}

/// A disk with less is full: git removes its last temporary file before it ends, so some room is there again.
const MIN_FREE_BYTES: u64 = 16 * 1024 * 1024;

impl Machine {
    pub(crate) fn observe() -> Self {
        Self { out_of_memory_kills: out_of_memory_kills() }
    }

    /// What the machine has run out of, if anything.
    pub(crate) fn exhausted(&self, directory: &Path) -> Option<&'static str> {
        if out_of_memory_kills() > self.out_of_memory_kills {
            return Some("the kernel killed a process for want of memory");
        }
        is_full(&statvfs(directory).ok()?).then_some("the disk is full")
    }
}

/// Some filesystems count no blocks or no inodes, and say 0 of 0.
fn is_full(disk: &StatVfs) -> bool {
    let has_blocks = disk.f_blocks == 0 || disk.f_bavail.saturating_mul(disk.f_frsize) >= MIN_FREE_BYTES;
    let has_inodes = disk.f_files == 0 || disk.f_favail > 0;
    !(has_blocks && has_inodes)
}

/// The count of the container's control group; 0 where the kernel shows none.
fn out_of_memory_kills() -> u64 {
    const FILES: [&str; 2] = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
    FILES.iter().find_map(|file| parse_kills(&fs::read_to_string(file).ok()?)).unwrap_or(0)
}

fn parse_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_kills_are_read_from_both_kernel_formats() {
        assert_eq!(parse_kills("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(parse_kills("oom 1\n"), None);
    }

    #[test]
    fn disk_without_blocks_or_inodes_is_full() {
        let check = |blocks: (u64, u64), inodes: (u64, u64), full: bool| {
            let disk = statvfs(".").unwrap();
            let disk = StatVfs { f_frsize: 4096, f_blocks: blocks.0, f_bavail: blocks.1, ..disk };
            let disk = StatVfs { f_files: inodes.0, f_favail: inodes.1, ..disk };
            assert_eq!(is_full(&disk), full, "{blocks:?} {inodes:?}");
        };
        check((10_000_000, 5_000_000), (1000, 1000), false);
        check((10_000_000, 4096), (1000, 1000), false);
        check((10_000_000, 4095), (1000, 1000), true);
        check((10_000_000, 5_000_000), (1000, 0), true);
        check((0, 0), (0, 0), false);
    }

    #[test]
    fn later_kill_exhausts_the_machine() {
        let machine = Machine { out_of_memory_kills: out_of_memory_kills() };
        assert_eq!(machine.exhausted(Path::new("/proc/self/nothing")), None);
        if let Some(fewer) = machine.out_of_memory_kills.checked_sub(1) {
            assert!(Machine { out_of_memory_kills: fewer }.exhausted(Path::new(".")).is_some());
        }
    }
}
