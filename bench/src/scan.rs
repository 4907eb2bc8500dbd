//! A scan of a hundred thousand accounts by twenty patterns, of which none matches: the first, which
//! looks at all of them, and those that follow, which find nothing changed. On every database.

use crate::accounts::{ACCOUNTS, bases, fill};
use crate::base::Base;
use crate::figures::{median, ms, times};
use ferry_tests::{http, wait};
use std::path::Path;
use std::time::{Duration, Instant};

const PATTERNS: usize = 20;
const IDLE: u64 = 5;
/// Longer than the first scan takes, so that it is counted alone.
const SECONDS_BETWEEN: u64 = 5;

pub(crate) fn run(folder: &Path) {
    println!("\nA scan of {ACCOUNTS} accounts, {PATTERNS} patterns");
    for (name, kind) in bases() {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut base = Base::make(kind, &folder);
        fill(&mut base);
        let raw = [
            "SELECT id, body FROM accounts ORDER BY id",
            "SELECT id FROM accounts WHERE last_modified_at > 1",
        ]
        .map(|select| raw(&mut base, select));
        let sidecar = base.sidecar(&folder, &rules());
        let metrics = || {
            http::get(&format!("{}/metrics", sidecar.admin))
                .unwrap()
                .body
        };
        let scans = |at_least: u64| {
            let took = wait::until(Duration::from_secs(300), || {
                let text = metrics();
                match figure(&text, "count") as u64 >= at_least {
                    true => Ok((figure(&text, "count"), figure(&text, "sum"))),
                    false => Err(text),
                }
            });
            took.unwrap()
        };
        let (count, first) = scans(1);
        assert!(count < 2.0, "another scan was counted with the first");
        let (count, sum) = scans(1 + IDLE);
        let idle = Duration::from_secs_f64((sum - first) / (count - 1.0));
        let first = Duration::from_secs_f64(first);
        for (what, took, peer, raw) in [
            ("first", first, "SELECT of all", raw[0]),
            ("idle", idle, "SELECT of what changed", raw[1]),
        ] {
            println!(
                "  {name:<12} {what:<6} {:>12} {:>8}   raw {peer:<24} {:>10}",
                ms(took),
                times(took, raw),
                ms(raw),
            );
        }
    }
}

/// The median of five.
fn raw(base: &mut Base, select: &str) -> Duration {
    let took = (0..5).map(|_| {
        let start = Instant::now();
        base.texts(select.to_owned());
        start.elapsed()
    });
    median(&took.collect::<Vec<_>>())
}

fn rules() -> String {
    let patterns = (0..PATTERNS).map(|at| format!("\n    - '.*-team{at}-(dev|test|prod)[0-9]+'"));
    format!(
        "kubesvc.dynamicAccounts:\n  scanFrequencySeconds: {SECONDS_BETWEEN}\n  namePatterns:{}\n",
        patterns.collect::<String>()
    )
}

fn figure(text: &str, what: &str) -> f64 {
    let name = format!("kubesvc_scan_duration_seconds_{what} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0.0, |figure| figure.parse().unwrap())
}
