//! Exit codes, and the errors that end a whole command rather than one input.

use std::fmt;

use gather_core::Signal;

/// How a command ended. The later one wins where several hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Every input was done.
    Done,
    /// Nobody reads stdout any more, which is no failure.
    OutputClosed,
    /// Finished, but inputs failed or were refused, or the output could not be written.
    Failed,
    /// Wrong usage, or a file of options that does not hold.
    Usage,
    /// SIGHUP.
    HungUp,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done | Exit::OutputClosed => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::HungUp => Signal::Hangup.exit_code(),
            Exit::Interrupted => Signal::Interrupt.exit_code(),
            Exit::Terminated => Signal::Terminate.exit_code(),
        }
    }

    /// What an error that ended the command means.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        if error.downcast_ref::<UsageError>().is_some() { Exit::Usage } else { Exit::Failed }
    }
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Terminate => Exit::Terminated,
            Signal::Hangup => Exit::HungUp,
            _ => Exit::Interrupted,
        }
    }
}

/// The command cannot be run as it was typed.
#[derive(Debug)]
pub(crate) struct UsageError {
    fact: String,
    hint: Option<String>,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UsageError {}

/// A usage error with a hint.
pub(crate) fn usage(fact: impl fmt::Display, hint: impl fmt::Display) -> anyhow::Error {
    UsageError { fact: fact.to_string(), hint: Some(hint.to_string()) }.into()
}

/// A usage error whose message says it all.
pub(crate) fn usage_error(fact: impl fmt::Display) -> anyhow::Error {
    UsageError { fact: fact.to_string(), hint: None }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_wins_over_usage_and_usage_over_failure() {
        let mut all = [Exit::Terminated, Exit::Done, Exit::Interrupted, Exit::Failed, Exit::Usage];
        all.sort();
        assert_eq!(all.map(Exit::code), [0, 1, 2, 130, 143]);
    }
}
