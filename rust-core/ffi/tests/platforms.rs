//! The four libraries of the plugin's jar: what each needs of the system it is loaded on, and an
//! account's walk with each, on its own processor and C library or their emulation.
//!
//! Run by the suite `jar`, which builds the libraries, brings zig and names Debian's C libraries.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;
#[path = "support/walk.rs"]
mod walk;

use std::path::PathBuf;
use std::process::Command;
use support::run;
use walk::walk;

/// What a library may need: the C library's own parts and the loader. musl's are all in one.
const GNU: [&str; 5] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "ld-linux",
];
const MUSL: [&str; 1] = ["libc.so"];

/// The newest version of glibc that a library may ask for: RHEL 7's.
const FLOOR: (u32, u32) = (2, 17);

struct Machine {
    processor: &'static str,
    libc: &'static str,
}

impl Machine {
    /// The library as `scripts/native.sh` leaves it.
    fn library(&self) -> PathBuf {
        let native = std::env::var_os("FERRY_NATIVE").expect("FERRY_NATIVE is native.sh's folder");
        let classifier = format!("linux-{}-{}", self.processor, self.libc);
        let library = PathBuf::from(native)
            .join(classifier)
            .join("libferry_ffi.so");
        assert!(library.exists(), "{} is not built", library.display());
        library
    }

    fn zig(&self) -> Command {
        let floor = if self.libc == "gnu" { ".2.17" } else { "" };
        let mut zig = Command::new("zig");
        zig.args(["cc", "-target"]);
        zig.arg(format!("{}-linux-{}{floor}", self.processor, self.libc));
        zig
    }

    /// The program on this machine: by its own loader, or emulated.
    fn starting(&self, program: &std::path::Path) -> Command {
        let native = self.processor == std::env::consts::ARCH;
        if native && self.libc == "gnu" {
            return Command::new(program);
        }
        let roots = std::env::var_os("FERRY_LIBC").expect("FERRY_LIBC is what libc.sh prints");
        let root = PathBuf::from(roots).join(self.processor);
        if native {
            let loader = root
                .join("lib")
                .join(format!("ld-musl-{}.so.1", self.processor));
            let mut command = Command::new(loader);
            command.arg(program);
            return command;
        }
        let mut qemu = Command::new(format!("qemu-{}-static", self.processor));
        qemu.arg("-L").arg(root).arg(program);
        qemu
    }

    fn walks(&self) {
        walk(self.zig(), &self.library(), |program| {
            self.starting(program)
        });
    }

    /// What `objdump` prints of the library.
    fn objdump(&self, option: &str) -> String {
        let output = run(Command::new("objdump").arg(option).arg(self.library()));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Holds it to [`FLOOR`], and to the C library alone.
    fn needs_little(&self) {
        let headers = self.objdump("-p");
        let needed: Vec<&str> = headers
            .lines()
            .filter_map(|line| line.trim().strip_prefix("NEEDED"))
            .map(str::trim)
            .collect();
        assert!(!needed.is_empty(), "{headers}");
        for name in needed {
            let known = match self.libc {
                "gnu" => GNU.iter().any(|known| name.starts_with(known)),
                _ => MUSL.contains(&name),
            };
            assert!(known, "{name} is needed");
        }
        let symbols = self.objdump("-T");
        let versions: Vec<(u32, u32)> = symbols.split("GLIBC_").skip(1).map(version).collect();
        assert_eq!(versions.is_empty(), self.libc != "gnu", "{symbols}");
        let newest = versions.into_iter().max();
        assert!(
            newest <= Some(FLOOR),
            "glibc {newest:?} is needed: {symbols}"
        );
    }
}

/// Major and minor of what begins such as `2.17) memcpy`; `PRIVATE` is above all.
fn version(text: &str) -> (u32, u32) {
    let number = |c: char| !c.is_ascii_digit();
    let mut numbers = text
        .split(number)
        .map(|part| part.parse().unwrap_or(u32::MAX));
    (numbers.next().unwrap(), numbers.next().unwrap_or(0))
}

macro_rules! machines {
    ($($name:ident: $processor:literal $libc:literal;)*) => {$(
        mod $name {
            use super::Machine;

            const MACHINE: Machine = Machine { processor: $processor, libc: $libc };

            #[test]
            #[ignore = "needs the jar's libraries: make test SUITES=jar"]
            fn a_c_program_walks_an_account() {
                MACHINE.walks();
            }

            #[test]
            #[ignore = "needs the jar's libraries: make test SUITES=jar"]
            fn it_needs_an_old_c_library_and_nothing_else() {
                MACHINE.needs_little();
            }
        }
    )*};
}

machines! {
    x86_64_gnu: "x86_64" "gnu";
    x86_64_musl: "x86_64" "musl";
    aarch64_gnu: "aarch64" "gnu";
    aarch64_musl: "aarch64" "musl";
}
