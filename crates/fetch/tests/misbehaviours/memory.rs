//! How much memory this process had at most, from a moment on.

use std::fs;

/// The peak so far, in bytes; `None` where the system does not tell.
pub(crate) fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// Forgets the peak: it begins anew at what is used now.
pub(crate) fn forget_peak() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok().map(|kb: u64| kb * 1024)
}
