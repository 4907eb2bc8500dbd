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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => keeper::keep(false),
        ["--once"] => keeper::keep(true),
        ["--tell", folder] => teller(Path::new(folder), false),
        ["--tell", folder, "--once"] => teller(Path::new(folder), true),
        _ => {
            eprintln!("usage: ferry-demo [--once]    (--once: end by itself)");
            ExitCode::from(2)
        }
    }
}

/// The second process: tells the story, then stays until the keeper ends it.
fn teller(folder: &Path, once: bool) -> ExitCode {
    keeper::end_with_keeper(folder);
    // A part that does not start is a panic of the harness: its message is the failure's cause.
    std::panic::set_hook(Box::new(|panic| {
        let cause = panic.payload_as_str().unwrap_or("a part panicked");
        eprintln!("\nThe demo failed: {cause}");
    }));
    let told = std::panic::catch_unwind(|| story::tell(folder, once));
    match told {
        Ok(Ok(_parts)) if once => ExitCode::SUCCESS,
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
