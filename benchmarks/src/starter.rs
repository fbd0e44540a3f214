//! Starting contestants, each as a process of its own.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::bench::{Bench, Contestant, DebugMode, Part};
use crate::work::Run;

/// The variable that turns on the core's debug mode.
const DEBUG: &str = "GATHER_DEBUG";

/// Starts the contestants of a benchmark, on its input.
pub(crate) struct Starter<'a> {
    pub(crate) bench: &'static Bench,
    pub(crate) input: &'a OsStr,
    pub(crate) interrupted: &'a Interrupted,
}

impl Starter<'_> {
    /// One run of a contestant.
    pub(crate) fn start(
        &self,
        part: &Part,
        contestant: &Contestant,
        at_least: Duration,
    ) -> anyhow::Result<Run> {
        let output = self
            .command(part, contestant, at_least)?
            .output()
            .with_context(|| format!("cannot start {}", contestant.who))?;
        self.interrupted.check()?;
        if !output.status.success() {
            bail!("{} failed: {}", contestant.who, output.status);
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} printed no measurement", contestant.who))
    }

    fn command(&self, part: &Part, contestant: &Contestant, at_least: Duration) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([self.bench.name, "--part", part.name, "--contestant", contestant.who, "--input"])
            .arg(self.input)
            .args(["--at-least-ms", &at_least.as_millis().to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        set_debug_mode(&mut command, contestant.debug);
        Ok(command)
    }
}

/// Whatever this process's own environment says, everybody gets what is said of them.
fn set_debug_mode(command: &mut Command, mode: DebugMode) {
    match mode {
        DebugMode::On => command.env(DEBUG, "1"),
        DebugMode::Off => command.env_remove(DEBUG),
    };
}

/// Ctrl-C: the contestant in its turn gets it too and ends, and then so do we, after putting away what was prepared.
pub(crate) struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_mode_is_for_whom_it_is_meant_alone() {
        let variable = |mode| {
            let mut command = Command::new("true");
            set_debug_mode(&mut command, mode);
            command
                .get_envs()
                .map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned)))
                .collect::<Vec<_>>()
        };
        assert_eq!(variable(DebugMode::On), [(DEBUG.into(), Some("1".into()))]);
        assert_eq!(variable(DebugMode::Off), [(DEBUG.into(), None)], "removed, should the caller have it");
    }
}
