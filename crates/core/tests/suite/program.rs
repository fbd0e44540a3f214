//! Programs that the tests run in processes of their own, and look at from outside.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::promptly;

const PROGRAM: &str = "GATHER_TEST_PROGRAM";

/// The name of the program that this process is to be, if it is one.
pub(crate) fn wanted() -> Option<String> {
    std::env::var(PROGRAM).ok()
}

/// A running program, killed when the test ends.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Held open: `wait` would close it, and the program would see its end before the signal.
    input: Option<ChildStdin>,
}

impl Program {
    /// `test` is the test of this suite that becomes the program. `debug` goes to `GATHER_DEBUG`; stderr is read with
    /// stdout.
    pub(crate) fn start(test: &str, name: &str, debug: Option<&str>) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" --exact \"$1\" --nocapture 2>&1"]);
        command.arg(std::env::current_exe().unwrap()).arg(test).env(PROGRAM, name).env_remove("GATHER_DEBUG");
        if let Some(debug) = debug {
            command.env("GATHER_DEBUG", debug);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take();
        Self { child, output, input }
    }

    /// Reads on until the program prints this line.
    pub(crate) fn expect(&mut self, line: &str) {
        self.expect_one(|printed| printed == line, line);
    }

    /// Reads on until the program prints a line with all of these in it, and gives that.
    pub(crate) fn expect_with(&mut self, parts: &[&str]) -> String {
        self.expect_one(|printed| parts.iter().all(|part| printed.contains(part)), &format!("{parts:?}"))
    }

    fn expect_one(&mut self, is_it: impl Fn(&str) -> bool, what: &str) -> String {
        let mut seen = String::new();
        while self.output.read_line(&mut seen).unwrap() > 0 {
            if let Some(line) = seen.lines().last().filter(|line| is_it(line)) {
                return line.to_owned();
            }
        }
        panic!("the program did not print {what} but\n{seen}");
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets go on what reads its input to the end.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn status(mut self) -> ExitStatus {
        promptly(|| self.child.wait()).unwrap()
    }

    pub(crate) fn exit_code(self) -> i32 {
        self.status().code().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
