//! Two thousand accounts over a few API servers by two agents, a quarter of them dead: first the
//! living alone, then with the dead among them.

use ferry_tests::crowd::{self, Size};
use std::path::Path;

const ACCOUNTS: usize = 2000;
const DEAD: usize = 500;

pub(crate) fn run(folder: &Path) {
    let living = Size {
        accounts: ACCOUNTS - DEAD,
        dead: 0,
        servers: 3,
    };
    let all = Size {
        accounts: ACCOUNTS,
        dead: DEAD,
        servers: 3,
    };
    println!(
        "\nFrom one PATCH to all that live ACTIVE, two agents, {} API servers",
        all.servers
    );
    let mut alone = None;
    for (at, size) in [living, all].into_iter().enumerate() {
        let outcome = crowd::run(&folder.join(at.to_string()), size);
        let took = outcome.beside_dead.max(outcome.by_themselves).as_secs_f64();
        let ratio = took / *alone.get_or_insert(took);
        println!(
            "  {} accounts, {} dead: {took:.1} s x{ratio:.2}, half of them after {:.1} s",
            size.accounts,
            size.dead,
            outcome.half.as_secs_f64(),
        );
        for cost in outcome.costs {
            let cpu = cost.cpu.as_secs_f64();
            let (mib, files) = (cost.rss_kib / 1024, cost.files);
            println!(
                "    {:<16} {mib:>6} MiB  {cpu:>7.1} s of CPU  {files:>6} files",
                cost.what
            );
        }
    }
}
