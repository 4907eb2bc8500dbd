//! Ten thousand writes from many clients at once, through Clouddriver's JVM: what Clouddriver has in
//! the end is what Ferry has, and each change is recorded once.

use ferry_tests::database::{Database, Kind, Schema};
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{Door, wait};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use ureq::http::Request;

const CLIENTS: usize = 32;
const REQUESTS: usize = 10_000;
/// Names of one client's alone: what is answered of them is known.
const OWN: u64 = 6;
/// Names that all clients write.
const SHARED: u64 = 12;

/// Accounts by name, with what was written last.
type Accounts = BTreeMap<String, String>;

/// Knuth's generator: the same requests for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One client, and what it knows of its own accounts.
struct Client {
    id: usize,
    url: String,
    http: ureq::Agent,
    random: Random,
    accounts: Accounts,
    made: usize,
    deleted: usize,
}

impl Client {
    fn new(id: usize, url: &str, seed: u64) -> Client {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Client {
            id,
            url: format!("{url}/credentials"),
            http: config.timeout_global(Some(PATIENCE)).build().into(),
            random: Random(seed.wrapping_add(id as u64)),
            accounts: Accounts::new(),
            made: 0,
            deleted: 0,
        }
    }

    fn run(mut self, requests: usize) -> Client {
        for number in 0..requests {
            let context = format!("{}-{number}", self.id);
            match self.random.below(10) {
                0..3 => self.write_shared(&context),
                _ => self.write_own(context),
            }
        }
        self
    }

    /// Clouddriver may refuse it, since another client was first.
    fn write_shared(&mut self, context: &str) {
        let name = format!("shared-{}", self.random.below(SHARED));
        let method = ["POST", "PUT", "DELETE"][self.random.below(3) as usize];
        let status = self.send(method, &name, context);
        assert!(method != "PUT" || status == 200, "PUT {name}: {status}");
    }

    /// Nobody else writes it: it is taken.
    fn write_own(&mut self, context: String) {
        let name = format!("own-{}-{}", self.id, self.random.below(OWN));
        let there = self.accounts.contains_key(&name);
        let method = match (there, self.random.below(2)) {
            (false, 0) => "POST",
            (true, 0) => "DELETE",
            _ => "PUT",
        };
        let status = self.send(method, &name, &context);
        assert_eq!(status, 200, "{method} {name}");
        if method == "DELETE" {
            self.accounts.remove(&name);
            self.deleted += 1;
        } else {
            self.made += usize::from(!there);
            self.accounts.insert(name, context);
        }
    }

    fn send(&self, method: &str, name: &str, context: &str) -> u16 {
        let request = Request::builder().method(method);
        let (url, body) = match method {
            "DELETE" => (format!("{}/{name}", self.url), String::new()),
            _ => {
                let body = json!({"type": "kubernetes", "name": name, "context": context});
                (self.url.clone(), body.to_string())
            }
        };
        let request = request.uri(url).header("Content-Type", "application/json");
        let request = request.body(body).unwrap();
        let mut answer = self.http.run(request).unwrap();
        // Read to its end, for the connection to be used again.
        answer.body_mut().read_to_string().unwrap();
        answer.status().as_u16()
    }
}

#[test]
fn ten_thousand_writes_by_32_clients_are_recorded_once() {
    let seed = match std::env::var("FERRY_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    };
    eprintln!("FERRY_SEED={seed}");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let schema = Database::shared(Kind::MariaDb).schema();
    let mut door = Door::plugin(&schema, folder.path(), "");
    door.start(&[]).unwrap();

    let begun = Instant::now();
    let clients: Vec<Client> = std::thread::scope(|scope| {
        let requests = |id| REQUESTS / CLIENTS + usize::from(id < REQUESTS % CLIENTS);
        let clients = (0..CLIENTS).map(|id| Client::new(id, &door.url, seed));
        let running: Vec<_> = clients
            .map(|client| {
                scope.spawn(move || {
                    let requests = requests(client.id);
                    client.run(requests)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    eprintln!(
        "{REQUESTS} writes by {CLIENTS} clients in {:?}",
        begun.elapsed()
    );

    let clouddrivers = accounts(&schema, "accounts", "id", "body");
    let mut own: Accounts = clients
        .iter()
        .flat_map(|client| client.accounts.clone())
        .collect();
    let mut shared = clouddrivers.clone();
    shared.retain(|name, _| name.starts_with("shared-"));
    own.extend(shared);
    assert_eq!(clouddrivers, own, "Clouddriver has what it answered 200 to");

    // A write that another one undid in the meantime stays open for half a minute.
    let same = wait::until(PATIENCE + Duration::from_secs(30), || {
        let open = schema.query("SELECT method, account FROM kubesvc_ferry_intents");
        let ferrys = accounts(&schema, "kubesvc_accounts", "name", "definition");
        match open.is_empty() && ferrys == clouddrivers {
            true => Ok(()),
            false => Err(format!(
                "open: {open:?}, {}",
                difference(&ferrys, &clouddrivers)
            )),
        }
    });
    same.unwrap();
    once(&schema, &clients, &clouddrivers);
}

/// Of a table: names, and what was written last.
fn accounts(schema: &Schema, table: &str, name: &str, definition: &str) -> Accounts {
    let rows = schema.query(&format!(
        "SELECT {name}, JSON_VALUE({definition}, '$.context') FROM {table}"
    ));
    let pairs = rows.iter().map(|row| row.split_once('\t').unwrap());
    pairs
        .map(|(name, context)| (name.to_owned(), context.to_owned()))
        .collect()
}

fn difference(ferrys: &Accounts, clouddrivers: &Accounts) -> String {
    let names = ferrys.keys().chain(clouddrivers.keys());
    names
        .filter(|name| ferrys.get(*name) != clouddrivers.get(*name))
        .map(|name| {
            format!(
                "{name}: {:?}, not {:?}; ",
                ferrys.get(name),
                clouddrivers.get(name)
            )
        })
        .collect()
}

/// Each account began as often as it ended, but for those that are there; and the clients' own
/// exactly as often as they were made and deleted.
fn once(schema: &Schema, clients: &[Client], there: &Accounts) {
    let rows = schema.query(
        "SELECT account, SUM(from_status IS NULL), SUM(to_status IS NULL)
         FROM kubesvc_ferry_audit GROUP BY account",
    );
    let (mut made, mut deleted) = (0, 0);
    for row in &rows {
        let [name, begun, ended] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let (begun, ended): (usize, usize) = (begun.parse().unwrap(), ended.parse().unwrap());
        assert_eq!(
            begun,
            ended + usize::from(there.contains_key(name)),
            "{row}"
        );
        if name.starts_with("own-") {
            made += begun;
            deleted += ended;
        }
    }
    let expected = |count: fn(&Client) -> usize| clients.iter().map(count).sum::<usize>();
    assert_eq!(made, expected(|client| client.made), "accounts taken over");
    assert_eq!(deleted, expected(|client| client.deleted), "accounts ended");
}
