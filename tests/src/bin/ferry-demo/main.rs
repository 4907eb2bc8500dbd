//! `ferry-demo`: shows one account's way on real parts, step by step. `make demo` builds and runs it.
//!
//! It is two processes. The keeper, in the terminal's foreground, owns the temporary folder and the
//! end of everything. The teller, in a process group of its own, starts the parts and tells the
//! story: whatever happens, killing its group and removing the folder leaves nothing behind.

mod curl;
mod keeper;
mod parts;
mod screen;
mod story;
mod table;

use std::path::Path;
use std::process::ExitCode;

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
struct Choice {
    /// Ends by itself.
    once: bool,
    /// Ferry is Clouddriver's plugin, not the sidecar.
    plugin: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut choice = Choice::default();
    let mut folder = None;
    let mut left = arguments.iter().map(String::as_str);
    while let Some(argument) = left.next() {
        match argument {
            "--once" => choice.once = true,
            "--plugin" => choice.plugin = true,
            "--tell" => folder = left.next(),
            _ => {
                eprintln!("usage: ferry-demo [--plugin] [--once]    (--once: end by itself)");
                return ExitCode::from(2);
            }
        }
    }
    match folder {
        None => keeper::keep(&arguments),
        Some(folder) => teller(Path::new(folder), choice),
    }
}

/// The second process: tells the story, then stays until the keeper ends it.
fn teller(folder: &Path, choice: Choice) -> ExitCode {
    keeper::end_with_keeper(folder);
    // A part that does not start is a panic of the harness: its message is the failure's cause.
    std::panic::set_hook(Box::new(|panic| {
        let cause = panic.payload_as_str().unwrap_or("a part panicked");
        eprintln!("\nThe demo failed: {cause}");
    }));
    let told = std::panic::catch_unwind(|| story::tell(folder, choice));
    match told {
        Ok(Ok(_parts)) if choice.once => ExitCode::SUCCESS,
        Ok(Ok(_parts)) => {
            keeper::mark_told(folder);
            loop {
                std::thread::park();
            }
        }
        Ok(Err(failure)) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}
