//! A dry run that is asked of a replica whose agents know nothing of a zone: another's agent tries it.

use crate::ground::{PATIENCE, PLANTED, dead_kubeconfig, fresh, ground};
use ferry_core::failpoint;
use ferry_tests::database::{Database, Kind};
use ferry_tests::{Agent, Answer, Schema, Sidecar, clouddriver, wait};
use serde_json::{Value, json};

/// Sidecars A, which has an agent of zone-a, and B, which has none.
struct Peers {
    name: String,
    schema: Schema,
    a: Sidecar,
    b: Sidecar,
    _agent: Agent,
}

impl Peers {
    fn start(kind: Kind, at_a: &[(&str, &str)], at_b: &[(&str, &str)]) -> Peers {
        let (name, folder) = fresh();
        let schema = Database::shared(kind).schema();
        let key_file = folder.join("ferry.key");
        let [mut a, mut b] = ["a", "b"].map(|replica| {
            let upstream = &ground().clouddriver.url;
            Sidecar::on(&schema, &key_file, &folder.join(replica), upstream, "")
        });
        a.start(at_a).unwrap();
        b.start(at_b).unwrap();
        let id = format!("agent-{name}");
        let mut agent = Agent::new(&folder.join("agent"), &id, "zone-a", &a.grpc, "");
        agent.start(&[]);
        let peers = Peers {
            name,
            schema,
            a,
            b,
            _agent: agent,
        };
        let connected = wait::until(PATIENCE, || {
            let agents = peers.b.request("GET", "/armory/agents", None)?.body;
            match agents == "[]" {
                false => Ok(()),
                true => Err(agents),
            }
        });
        connected.unwrap();
        peers
    }

    /// An account that Clouddriver has.
    fn account(&self, name: &str, kubeconfig: &str) -> String {
        let name = format!("{}-{name}", self.name);
        let account = clouddriver::account(&name, kubeconfig);
        assert_eq!(ground().clouddriver.create(&account).status, 200);
        name
    }

    /// What B says of a dry run of one account.
    fn tries(&self, method: &str, path: &str, entry: Value) -> Value {
        let answer = self.try_at_b(method, path, entry).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains(PLANTED), "{answer:?}");
        answer.json()["items"][0].clone()
    }

    fn try_at_b(&self, method: &str, path: &str, entry: Value) -> Result<Answer, String> {
        let path = format!("{path}?dryRun=true");
        self.b.request(method, &path, Some(&json!([entry])))
    }

    fn questions(&self) -> usize {
        let left = self.schema.query("SELECT id FROM kubesvc_ferry_probes");
        left.len()
    }
}

#[test]
fn an_agent_of_another_replica_tries_an_account_on_mariadb() {
    tried_by_the_other(Kind::MariaDb);
}

#[test]
fn an_agent_of_another_replica_tries_an_account_on_postgres() {
    tried_by_the_other(Kind::Postgres);
}

fn tried_by_the_other(kind: Kind) {
    let peers = Peers::start(kind, &[], &[]);
    let agent = json!(format!("agent-{}", peers.name));
    let good = peers.account("good", &ground().kubeconfig);
    let path = "/armory/accounts";
    let unmigrated = peers.tries("POST", path, json!({"name": good}));
    let posted = peers
        .b
        .request("POST", path, Some(&json!([{"name": good}])));
    assert_eq!(posted.unwrap().status, 202);
    let migrated = peers.tries("PATCH", path, json!({"name": good, "state": "ACTIVE"}));
    let inline = json!({"name": format!("{}-inline", peers.name),
        "kubeconfigContents": ground().kubeconfig});
    let dynamic = peers.tries("POST", "/armory/accounts/dynamic", inline);
    for item in [&unmigrated, &migrated, &dynamic] {
        assert_eq!(item["reached"]["agentId"], agent, "{item}");
        assert_eq!(item["reached"]["zoneId"], "zone-a", "{item}");
        let kinds = item["reached"]["kinds"].as_array().unwrap();
        assert!(kinds.contains(&json!("Deployment.apps")), "{item}");
        assert_eq!(item["obstacles"], json!([]), "{item}");
    }

    let dead = peers.account("dead", &dead_kubeconfig());
    let item = peers.tries("POST", path, json!({"name": dead}));
    let said = item["obstacles"][0].as_str().unwrap();
    assert!(
        said.contains("of zone `zone-a`") && said.contains("refuses connections"),
        "{item}"
    );
    let reader = peers.account("reader", &ground().reader);
    let item = peers.tries("POST", path, json!({"name": reader}));
    assert!(
        item["obstacles"]
            .to_string()
            .contains("lack: list namespaces"),
        "{item}"
    );

    assert_eq!(peers.questions(), 0);
    let audit = peers.schema.query("SELECT event FROM kubesvc_ferry_audit");
    assert_eq!(
        audit,
        ["Adopt"],
        "it is the POST that was none of a dry run"
    );
}

#[test]
fn whichever_replica_dies_of_a_dry_run_nothing_is_left_of_it() {
    let at_b = [
        failpoint::TRY_BEFORE,
        failpoint::TRY_AFTER,
        failpoint::TRIAL_END_BEFORE,
        failpoint::TRIAL_END_AFTER,
    ];
    let at_a = [failpoint::TRIED_BEFORE, failpoint::TRIED_AFTER];
    std::thread::scope(|scope| {
        scope.spawn(|| at_a.map(|point| dies(point, true)));
        scope.spawn(|| at_b.map(|point| dies(point, false)));
    });
}

fn dies(point: &str, answers: bool) {
    let (fatal, none) = ([("FERRY_FAILPOINT", point)], []);
    let mut peers = match answers {
        true => Peers::start(Kind::MariaDb, &fatal, &none),
        false => Peers::start(Kind::MariaDb, &none, &fatal),
    };
    let name = peers.account(&point.replace('.', "-"), &ground().kubeconfig);
    let answer = peers.try_at_b("POST", "/armory/accounts", json!({"name": name}));
    match (answers, answer) {
        (false, answer) => assert!(answer.is_err(), "{point}: {answer:?}"),
        (true, answer) => {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{point}: {answer:?}");
            let unanswered = answer.body.contains("gave no answer within");
            assert_eq!(
                unanswered,
                point == failpoint::TRIED_BEFORE,
                "{point}: {answer:?}"
            );
        }
    }
    let dead = if answers { &mut peers.a } else { &mut peers.b };
    let died = dead.process().aborts(PATIENCE);
    died.unwrap_or_else(|error| panic!("{point}: {error}"));
    // What is left has its time.
    let age = "UPDATE kubesvc_ferry_probes SET asked_at = asked_at - 60000";
    peers.schema.query(age);
    let gone = wait::until(PATIENCE, || match peers.questions() {
        0 => Ok(()),
        left => Err(format!("{left} are left")),
    });
    gone.unwrap_or_else(|error| panic!("{point}: {error}"));
}
