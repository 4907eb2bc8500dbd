//! POST /credentials without Ferry, with the plugin and through the sidecar, by turns: three
//! Clouddrivers on one MariaDB, each with its own schema.

use crate::figures::{median, percentile, times};
use ferry_tests::database::{Database, Kind};
use ferry_tests::{Clouddriver, Door, clouddriver};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WARM_UP: usize = 300;
const ROUNDS: usize = 5;
const REQUESTS: usize = 200;
const TRIES: usize = 5;
const CLIENTS: usize = 8;

/// One way to Clouddriver, and what it took round by round.
struct Way {
    what: &'static str,
    url: String,
    p50: Vec<Duration>,
    p99: Vec<Duration>,
    /// For as many requests as there are, from several clients at once.
    together: Vec<Duration>,
    /// How many requests were refused by Clouddriver's database, and sent again.
    again: AtomicUsize,
}

pub(crate) fn run(folder: &Path) {
    let database = Database::shared(Kind::MariaDb);
    let clouddriver = Clouddriver::start_on(&database.schema(), &folder.join("straight"));
    let schema = database.schema();
    let mut plugin = Door::plugin(&schema, &folder.join("plugin"), "");
    let other = database.schema();
    let mut sidecar = Door::sidecar(Some(&other), &folder.join("sidecar"), "");
    for door in [&mut plugin, &mut sidecar] {
        let started = door.start(&[]);
        started.unwrap_or_else(|not| panic!("it does not start: {}", not.log));
    }
    let way = |what, url: &str| Way {
        what,
        url: format!("{url}/credentials"),
        p50: Vec::new(),
        p99: Vec::new(),
        together: Vec::new(),
        again: AtomicUsize::new(0),
    };
    let mut ways = [
        way("without Ferry", &clouddriver.url),
        way("with the plugin", &plugin.url),
        way("through the sidecar", &sidecar.url),
    ];
    for way in &ways {
        one_after_another(way, WARM_UP);
        together(way);
    }
    for _ in 0..ROUNDS {
        for way in &mut ways {
            let took = one_after_another(way, REQUESTS);
            way.p50.push(percentile(&took, 0.5));
            way.p99.push(percentile(&took, 0.99));
            let took = together(way);
            way.together.push(took);
        }
    }
    println!(
        "\nPOST /credentials, medians of {ROUNDS} rounds of {REQUESTS}; {CLIENTS} clients at once for the rate"
    );
    let peer = [&ways[0].p50, &ways[0].p99, &ways[0].together].map(|took| median(took));
    for way in &ways {
        let [p50, p99, all] = [&way.p50, &way.p99, &way.together].map(|took| median(took));
        let rate = REQUESTS as f64 / all.as_secs_f64();
        println!(
            "  {:<20} p50 {:>6.2} ms {:>6}   p99 {:>6.2} ms {:>6}   {rate:>5.0}/s {:>6}   {} sent again",
            way.what,
            p50.as_secs_f64() * 1000.0,
            times(p50, peer[0]),
            p99.as_secs_f64() * 1000.0,
            times(p99, peer[1]),
            times(peer[2], all),
            way.again.load(Ordering::Relaxed),
        );
    }
}

fn account() -> Value {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("bench-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    clouddriver::account(&name, &"certificate-authority-data: ".repeat(70))
}

fn client() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.build().into()
}

/// Of writes at once, Clouddriver's database refuses one now and then (500), without Ferry, too:
/// each counts the revisions of its account before it adds one, and InnoDB's locks on the gap
/// where they would be end in a deadlock. It is sent again, counted, and its time goes on.
fn post(client: &ureq::Agent, way: &Way) -> Duration {
    let body = account().to_string();
    let start = Instant::now();
    let mut said = String::new();
    for _ in 0..TRIES {
        let sent = client
            .post(&way.url)
            .header("Content-Type", "application/json")
            .send(&body);
        let mut answer = sent.unwrap();
        said = answer.body_mut().read_to_string().unwrap();
        if answer.status() == 200 {
            return start.elapsed();
        }
        way.again.fetch_add(1, Ordering::Relaxed);
    }
    panic!("{}: {said}", way.url);
}

/// On one connection, each after the answer to the one before.
fn one_after_another(way: &Way, requests: usize) -> Vec<Duration> {
    let client = client();
    (0..requests).map(|_| post(&client, way)).collect()
}

/// How long as many requests take from several clients.
fn together(way: &Way) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| one_after_another(way, REQUESTS / CLIENTS));
        }
    });
    start.elapsed()
}
