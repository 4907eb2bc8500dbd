//! Kills the programs that do not notice when the process that started them is gone: a test program
//! ends without dropping what is static in it, or is killed.
//!
//! A script of the shell's holds their ids and waits for its input to close, which it does however
//! this process ends.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Ctrl-C reaches it, too, and must not end it before the others.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
declare -A ids
while read -r verb id; do
  case $verb in
  watch) ids[$id]= ;;
  forget) unset "ids[$id]" ;;
  esac
done
[ ${#ids[@]} -eq 0 ] || kill -KILL "${!ids[@]}" 2>/dev/null"#;

/// From now on `child` ends with this process.
pub(crate) fn watch(child: &Child) {
    tell("watch", child);
}

/// `child` has ended: its id may be somebody else's.
pub(crate) fn forget(child: &Child) {
    tell("forget", child);
}

fn tell(verb: &str, child: &Child) {
    static REAPER: OnceLock<Mutex<Child>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| {
        let mut command = Command::new("bash");
        command.args(["-c", SCRIPT]).stdin(Stdio::piped());
        Mutex::new(command.stdout(Stdio::null()).spawn().unwrap())
    });
    let mut reaper = reaper.lock().unwrap();
    let input = reaper.stdin.as_mut().expect("it has a piped input");
    writeln!(input, "{verb} {}", child.id()).unwrap();
}
