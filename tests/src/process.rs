//! A process that logs to a file and ends with its value. Most say in one JSON line on stdout when
//! they are ready.

use crate::{reaper, wait};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// How long a process may take until it is ready, on a busy machine.
const START: Duration = Duration::from_secs(90);

/// A running process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Held open: some programs end when it closes, also when this process is killed.
    stdin: Option<ChildStdin>,
    /// The JSON lines that it says.
    said: Mutex<Receiver<Value>>,
    log: PathBuf,
    /// The reaper knows it.
    known: bool,
    /// What it said when it was ready, if it says so.
    pub ready: Value,
}

/// It ended, or stayed silent, before it was ready.
#[derive(Debug)]
pub struct NotReady {
    /// How it ended, if it did.
    pub status: Option<ExitStatus>,
    /// What it logged.
    pub log: String,
}

impl NotReady {
    /// Whether it died at a failpoint.
    pub fn aborted(&self) -> bool {
        self.status.is_some_and(has_aborted)
    }
}

/// Whether a process ended as it does at a failpoint.
pub fn has_aborted(status: ExitStatus) -> bool {
    const SIGABRT: i32 = 6;
    status.signal() == Some(SIGABRT)
}

impl Process {
    /// Starts `command`, whose output is appended to `log`, and waits for nothing.
    pub fn spawn(command: &mut Command, log: &Path) -> Process {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()));
        Process {
            stdin: child.stdin.take(),
            child,
            said: Mutex::new(mpsc::channel().1),
            log: log.to_owned(),
            known: false,
            ready: Value::Null,
        }
    }

    /// Starts `command` and waits for its line. Its stderr is appended to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Process, NotReady> {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().unwrap();
        let (sender, said) = mpsc::channel();
        // It reads on after the line: a full pipe would stop the process.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(ready) = serde_json::from_str::<Value>(&line) {
                    // Nobody may be waiting any longer.
                    sender.send(ready).ok();
                }
            }
        });
        let mut process = Process {
            child,
            stdin,
            said: Mutex::new(said),
            log: log.to_owned(),
            known: false,
            ready: Value::Null,
        };
        match process.hear() {
            Some(ready) => {
                process.ready = ready;
                Ok(process)
            }
            None => {
                let deadline = Instant::now() + Duration::from_secs(2);
                let mut status = process.child.try_wait().unwrap();
                while status.is_none() && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(20));
                    status = process.child.try_wait().unwrap();
                }
                Err(NotReady {
                    status,
                    log: process.log(),
                })
            }
        }
    }

    fn hear(&self) -> Option<Value> {
        let said = self.said.lock().unwrap();
        said.recv_timeout(START).ok()
    }

    /// From now on it ends with this process, though it does not mind its stdin.
    pub(crate) fn end_with_us(&mut self) {
        reaper::watch(&self.child);
        self.known = true;
    }

    /// Writes a line to its stdin and waits for the line it says then; `None`: it says none.
    pub fn ask(&mut self, line: &str) -> Option<Value> {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{line}").ok()?;
        self.hear()
    }

    /// Closes the stdin of a program that ends then, and waits until it has.
    pub fn close(&mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it has died at its failpoint.
    pub fn aborts(&mut self, patience: Duration) -> Result<(), String> {
        wait::until(patience, || match self.ended() {
            Some(status) if has_aborted(status) => Ok(()),
            other => Err(format!("it has not died at its failpoint: {other:?}")),
        })
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended; killed after `patience`.
    pub fn terminate(&mut self, patience: Duration) -> ExitStatus {
        let id = self.child.id().to_string();
        Command::new("kill").arg(id).status().unwrap();
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Processor time that it has taken, in steps of 10 ms.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // After the name, which may hold anything, in parentheses: utime and stime are 14 and 15.
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    /// How many files it has open.
    pub fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id()))
            .unwrap()
            .count()
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if self.known {
            reaper::forget(&self.child);
        }
    }
}
