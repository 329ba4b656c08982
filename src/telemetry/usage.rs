//! What this process uses, as the system tells it (Linux).

use std::fs;

/// Memory in bytes and open files; what the system does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub resident_bytes: Option<u64>,
    /// The largest resident size so far.
    pub peak_bytes: Option<u64>,
    pub open_files: Option<u64>,
    /// How many may be open.
    pub most_files: Option<u64>,
}

impl Usage {
    /// What the system says now.
    #[must_use]
    pub fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (status, limits) = (read("/proc/self/status"), read("/proc/self/limits"));
        Self {
            resident_bytes: bytes(&status, "VmRSS:"),
            peak_bytes: bytes(&status, "VmHWM:"),
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
            most_files: soft_limit(&limits),
        }
    }
}

fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The first number of the line; none where it says "unlimited".
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!((bytes(status, "VmHWM:"), bytes(status, "VmRSS:")), (Some(2_097_152), Some(1024)));
        assert_eq!(bytes(status, "VmSwap:"), None);
    }

    #[test]
    fn the_soft_limit_counts() {
        assert_eq!(
            soft_limit("Limit\nMax open files            1024                 524288               files\n"),
            Some(1024)
        );
        assert_eq!(soft_limit("Max open files  unlimited  unlimited  files\n"), None);
    }
}
