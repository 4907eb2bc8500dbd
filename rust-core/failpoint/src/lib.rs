//! Named points at which a test lets a process die, as `kill -9` would.
//!
//! A program declares its points once with [`failpoints!`], which also makes the registry `ALL`,
//! and passes each with [`hit`]. Only builds with debug assertions have them: in a release build
//! `hit` is empty. Two environment variables, read once:
//!
//! - `FERRY_FAILPOINT=name` ends the process the first time it passes `name`;
//! - `FERRY_FAILPOINT_TRACE=file` appends the name of every point passed, a line each.

/// Declares failpoints as constants, and `ALL`, the registry of their names.
#[macro_export]
macro_rules! failpoints {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)+) => {
        $($(#[$doc])* pub const $constant: &str = $name;)+
        /// Every failpoint of this program.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

/// Passes the point `name`: dies here if a test asked for it.
#[cfg(debug_assertions)]
pub fn hit(name: &str) {
    use std::io::Write;
    use std::sync::OnceLock;

    static DEADLY: OnceLock<Option<String>> = OnceLock::new();
    static TRACE: OnceLock<Option<std::fs::File>> = OnceLock::new();
    let trace = TRACE.get_or_init(|| {
        let path = std::env::var_os("FERRY_FAILPOINT_TRACE")?;
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path);
        Some(file.expect("FERRY_FAILPOINT_TRACE names a file that can be written"))
    });
    if let Some(mut file) = trace.as_ref() {
        writeln!(file, "{name}").expect("the trace of failpoints can be written");
    }
    if DEADLY
        .get_or_init(|| std::env::var("FERRY_FAILPOINT").ok())
        .as_deref()
        == Some(name)
    {
        // Neither destructors nor flushes: nothing is left but what reached SQL or a socket.
        std::process::abort();
    }
}

/// Passes the point `name`: nothing in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_name: &str) {}
