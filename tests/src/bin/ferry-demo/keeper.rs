//! The keeper: starts the teller, waits for its end or for a signal, and leaves nothing behind.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::DirBuilder;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// The exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs the teller with the same arguments to its end, or until a signal comes.
pub fn keep(arguments: &[String]) -> ExitCode {
    // Before the first child: a signal must find us ready.
    let mut signals = match Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("signals cannot be handled: {error}")),
    };
    let folder = match make_folder() {
        Ok(folder) => folder,
        Err(error) => return fail(&error),
    };
    let mut teller = match start(&folder, arguments) {
        Ok(teller) => teller,
        Err(error) => {
            std::fs::remove_dir_all(&folder).ok();
            return fail(&error);
        }
    };
    let code = loop {
        if signals.pending().next().is_some() {
            break match told_mark(&folder).exists() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(INTERRUPTED),
            };
        }
        match teller.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            Ok(Some(status)) if status.success() => break ExitCode::SUCCESS,
            _ => break ExitCode::FAILURE,
        }
    };
    clean(&mut teller, &folder);
    code
}

/// In the teller: when the keeper is gone, even by `kill -9`, ends the group and removes the folder.
pub fn end_with_keeper(folder: &Path) {
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        // The keeper never writes: this returns when its end of the pipe closes.
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        let script = r#"kill -9 "-$1"; sleep 0.2; rm -rf -- "$2""#;
        Command::new("sh")
            .args(["-c", script, "sh", &std::process::id().to_string()])
            .arg(folder)
            .process_group(0)
            .spawn()
            .ok();
    });
}

/// In the teller: everything is told, so that an interrupt is no failure any more.
pub fn mark_told(folder: &Path) {
    std::fs::write(told_mark(folder), "").ok();
}

fn told_mark(folder: &Path) -> PathBuf {
    folder.join("told")
}

fn make_folder() -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("ferry-demo-{}", std::process::id()));
    // Kubeconfigs lie here: nobody else may read them.
    let made = DirBuilder::new().mode(0o700).create(&folder);
    made.map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    Ok(folder)
}

fn start(folder: &Path, arguments: &[String]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("--tell").arg(folder).args(arguments);
    // A group of its own, so that it can be ended as a whole and Ctrl-C reaches the keeper alone.
    command.process_group(0).stdin(Stdio::piped());
    command
        .spawn()
        .map_err(|error| format!("the demo does not start: {error}"))
}

/// Kills the teller and all its parts, and removes the folder.
fn clean(teller: &mut Child, folder: &Path) {
    let group = format!("-{}", teller.id());
    let mut kill = Command::new("kill");
    // The group is empty when the teller ended all by itself.
    kill.args(["-9", "--", &group]).stderr(Stdio::null());
    kill.status().ok();
    teller.wait().ok();
    for _ in 0..50 {
        // What is being killed may still write.
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("ferry-demo: {} is left, remove it", folder.display());
}

fn fail(message: &str) -> ExitCode {
    eprintln!("ferry-demo: {message}");
    ExitCode::FAILURE
}
