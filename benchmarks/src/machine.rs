//! On what, and of what, the figures were taken.

use std::process::Command;

/// The processor, its cores, the memory and the system, on one line.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|line| {
        let kilobytes: f64 = line.strip_suffix("kB")?.trim().parse().ok()?;
        Some(format!("{:.0} GB", kilobytes * 1024.0 / 1e9))
    });
    let system = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores, {processor}, {}, {} {}",
        memory.unwrap_or_default(),
        std::env::consts::OS,
        system.trim()
    )
}

/// How many processes wanted to run in the last minute, as far as the system tells.
pub(crate) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The commit of the working tree, with a `+` if files differ from it.
pub(crate) fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain"]).is_some_and(|files| !files.is_empty());
    format!("{commit}{}", if changed { "+" } else { "" })
}

/// The versions of these packages that are built in here.
pub(crate) fn versions(packages: &[&str]) -> String {
    let lock = include_str!("../../Cargo.lock");
    let version = |package: &str| {
        let start = lock.find(&format!("name = \"{package}\"\nversion = \""))?;
        lock.get(start..)?.lines().nth(1)?.split('"').nth(1)
    };
    let named = packages.iter().map(|package| format!("{package} {}", version(package).unwrap_or("?")));
    named.collect::<Vec<_>>().join(", ")
}

/// The value of `name: value` in a file of such lines.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_versions_are_those_in_the_lock_file() {
        let versions = super::versions(&["walkdir", "no-such-package"]);
        assert!(versions.starts_with("walkdir 2.") && versions.ends_with("no-such-package ?"), "{versions}");
    }
}
