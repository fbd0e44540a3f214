//! Runs the real binary and looks at what it did.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

/// A run that takes longer hangs: it is killed, and the test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A run of `gather` with these arguments.
macro_rules! gather {
    ($($arg:expr),* $(,)?) => {{
        let run = $crate::support::Gather::new();
        $(let run = run.arg($arg);)*
        run
    }};
}

pub(crate) struct Gather {
    pub(crate) command: Command,
    stdin: Vec<u8>,
}

impl Gather {
    pub(crate) fn new() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gather"));
        without_settings(&mut command);
        Self { command, stdin: Vec::new() }
    }

    /// A run in a shell that does something first, such as setting a limit.
    pub(crate) fn after(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_gather")]);
        without_settings(&mut command);
        Self { command, stdin: Vec::new() }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn here(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it, with all of its ends piped.
    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin;
        thread::spawn(move || stdin.write_all(&bytes)); // what is not wanted any more is not read
        Running { child }
    }

    pub(crate) fn run(self) -> Run {
        self.start().wait()
    }

    /// Runs it and expects it to have done every input.
    pub(crate) fn ok(self) -> Run {
        self.run().code(0)
    }

    /// Runs it with its output in a file, such as `/dev/full`.
    pub(crate) fn run_into(mut self, path: impl AsRef<Path>) -> Run {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        self.command.stdin(Stdio::null()).stdout(file).stderr(Stdio::piped());
        Running { child: self.command.spawn().unwrap() }.wait()
    }
}

pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).unwrap();
    }

    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// Something to send signals with while another waits for the end.
    pub(crate) fn handle(&self) -> Handle {
        Handle(pid(&self.child))
    }

    /// Waits for the end, and tells how much memory it had at most, in bytes, where the system tells that.
    pub(crate) fn wait_with_peak(self) -> (Run, Option<u64>) {
        let (run, cost) = self.wait_with_cost();
        (run, cost.peak)
    }

    /// Waits for the end, and tells what it cost, where the system tells that.
    pub(crate) fn wait_with_cost(self) -> (Run, Cost) {
        let process = PathBuf::from(format!("/proc/{}", pid(&self.child).as_raw_nonzero()));
        let (over, is_over) = mpsc::channel::<()>();
        // Both only grow, so it is enough to look now and then; a process that has ended does not tell them any more.
        let watching = thread::spawn(move || {
            let mut cost = Cost::default();
            while let Err(mpsc::RecvTimeoutError::Timeout) = is_over.recv_timeout(Duration::from_millis(2)) {
                let seen = Cost::of(&process).unwrap_or_default();
                cost = Cost { peak: seen.peak.max(cost.peak), time: seen.time.max(cost.time) };
            }
            cost
        });
        let run = self.wait();
        drop(over);
        (run, watching.join().unwrap())
    }

    /// Waits for the end without reading what it writes to stdout.
    pub(crate) fn wait_unread(mut self) -> Run {
        let stdout = self.stdout();
        let run = self.wait();
        drop(stdout);
        run
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Run {
        let pid = pid(&self.child);
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(self.child.wait_with_output()));
        match ended.recv_timeout(LIMIT) {
            Ok(output) => Run::new(output.unwrap()),
            Err(_) => {
                let _ = kill_process(pid, Signal::KILL);
                panic!("gather did not end within {LIMIT:?}");
            }
        }
    }
}

/// A process, until it is gone.
pub(crate) struct Handle(Pid);

impl Handle {
    pub(crate) fn interrupt(&self) {
        let _ = kill_process(self.0, Signal::INT); // it may be gone
    }
}

/// What a process took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// The most memory, in bytes.
    pub(crate) peak: Option<u64>,
    /// On the processors, all threads together: what else the machine does is not in it.
    pub(crate) time: Option<Duration>,
}

impl Cost {
    /// What the process under this path of proc(5) took so far. A child is woken up from vfork(2) a moment before it leaves the
    /// memory of its parent: as long as it still runs our program, what it has is ours, and it has no cost of its own.
    fn of(process: &Path) -> Option<Self> {
        let program = std::fs::read_link(process.join("exe")).ok()?;
        if std::fs::read_link("/proc/self/exe").is_ok_and(|ours| ours == program) {
            return None;
        }
        let read = |name: &str| std::fs::read_to_string(process.join(name)).ok();
        Some(Self {
            peak: read("status").and_then(|text| high_water(&text)),
            time: read("stat").and_then(|text| processor_time(&text)),
        })
    }
}

#[test]
fn the_memory_of_a_process_is_never_that_of_who_started_it() {
    assert!(Cost::of(Path::new("/proc/self")).is_none());
    let mut child = Command::new("sleep").arg("60").stdout(Stdio::piped()).spawn().unwrap();
    let process = PathBuf::from(format!("/proc/{}", pid(&child).as_raw_nonzero()));
    if process.exists() {
        while Cost::of(&process).and_then(|cost| cost.peak).is_none() {
            thread::yield_now();
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// proc(5): `utime` and `stime` are the 14th and 15th field, in ticks of 10 ms; a name in brackets is the second.
fn processor_time(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let ticks = behind_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Some(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>().ok()?))
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok().map(|kb: u64| kb * 1024)
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    code: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn new(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            bytes: output.stdout,
        }
    }

    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        let said = &self.stderr;
        assert!(!said.contains("panicked") && !said.contains("stack backtrace"), "{said}");
        self
    }

    /// Expects all of these in what was said on stderr.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in\n{}", self.stderr);
        }
        self
    }

    /// The records on stdout.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Value> {
        jsonl(&self.stdout)
    }

    /// The only record on stdout.
    #[track_caller]
    pub(crate) fn record(&self) -> Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "{self:#?}");
        records.remove(0)
    }
}

#[track_caller]
pub(crate) fn jsonl(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[track_caller]
pub(crate) fn jsonl_file(path: impl AsRef<Path>) -> Vec<Value> {
    jsonl(&std::fs::read_to_string(path).unwrap())
}

pub(crate) fn keys(record: &Value) -> Vec<&str> {
    record.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The values of one field.
pub(crate) fn field<'a>(records: &'a [Value], name: &str) -> Vec<&'a str> {
    records.iter().map(|record| record[name].as_str().unwrap()).collect()
}

/// The same records in one order, without what may differ between two runs.
pub(crate) fn as_set(mut records: Vec<Value>) -> Vec<String> {
    for record in records.iter_mut().filter_map(Value::as_object_mut) {
        for name in ["elapsed_ms", "attempts"] {
            record.shift_remove(name);
        }
    }
    let mut lines: Vec<String> = records.iter().map(Value::to_string).collect();
    lines.sort();
    lines
}

/// Takes away what the environment of whoever runs the tests would change.
fn without_settings(command: &mut Command) {
    let proxies =
        ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
    for name in ["GATHER_DEBUG"].into_iter().chain(proxies) {
        command.env_remove(name);
    }
}

/// Asks the database of a store for something else than gather does.
pub(crate) fn execute(store: PathBuf, statement: &'static str) -> SqliteConnection {
    gather_core::run(async move {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", store.display())).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection
    })
    .unwrap()
}

/// The folder of the data that ships with the project.
pub(crate) fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(path).canonicalize().unwrap()
}

/// A folder for one test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.join(name)).unwrap()
    }

    /// The names in it, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.path())
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `gather serve`, until it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) url: String,
}

impl Served {
    pub(crate) fn start(folder: impl AsRef<Path>, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gather"));
        command.arg("serve").arg(folder.as_ref()).args(["--port", "0"]).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().trim_end_matches('/').to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line:?}");
        Self { child, url }
    }

    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).unwrap();
    }

    /// Stops it by a signal and tells its exit code.
    pub(crate) fn stop(mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub(crate) fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Checks the law of the summary and returns it.
#[track_caller]
pub(crate) fn lawful_summary(path: impl AsRef<Path>) -> Value {
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let count = |name: &str| summary[name].as_u64().expect(name);
    let ends: u64 = ["ok", "failed", "refused", "skipped", "pending"].map(count).iter().sum();
    assert_eq!(count("inputs"), ends, "{summary}");
    let by_kind = summary["by_kind"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(by_kind, count("failed") + count("refused"), "{summary}");
    summary
}
