//! A database user who may write our tables and only read Clouddriver's: the whole walk needs no more,
//! so no statement of ours writes `accounts`.

use crate::ground::{PATIENCE, QUICK, fresh, ground};
use ferry_tests::database::{Database, Kind, User};
use ferry_tests::{Agent, Clouddriver, Schema, Sidecar, clouddriver, wait};
use serde_json::json;

const NARROW: &str = "clouddriver_narrow";

#[test]
fn reading_clouddrivers_accounts_is_enough_on_mariadb() {
    walk(Kind::MariaDb);
}

#[test]
fn reading_clouddrivers_accounts_is_enough_on_postgres() {
    walk(Kind::Postgres);
}

/// Makes the user, with rights on every table of ours and SELECT on one of Clouddriver's.
fn grant(schema: &Schema) {
    let ours = "SELECT table_name FROM information_schema.tables
        WHERE table_name LIKE 'kubesvc%'";
    let of_this = match schema.kind() {
        Kind::MariaDb => " AND table_schema = DATABASE()",
        Kind::Postgres => " AND table_schema = current_schema()",
    };
    let tables = schema.query(&format!("{ours}{of_this}"));
    assert!(tables.len() > 5, "{tables:?}");
    schema.query(&match schema.kind() {
        Kind::MariaDb => format!("CREATE USER {NARROW} IDENTIFIED BY 'narrow-password'"),
        Kind::Postgres => format!("CREATE ROLE {NARROW} LOGIN PASSWORD 'narrow-password'"),
    });
    for table in tables {
        schema.query(&format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {NARROW}"
        ));
    }
    schema.query(&format!("GRANT SELECT ON accounts TO {NARROW}"));
}

fn walk(kind: Kind) {
    let (name, folder) = fresh();
    let schema = Database::shared(kind).schema();
    let upstream = Clouddriver::start_on(&schema, &folder.join("clouddriver"));
    let key_file = folder.join("ferry.key");
    let mut sidecar = Sidecar::on(&schema, &key_file, &folder, &upstream.url, QUICK);
    // The first start makes the tables.
    sidecar.start(&[]).unwrap();
    sidecar.process().terminate(PATIENCE);
    grant(&schema);
    let file = folder.join("ferry.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    let service = format!("{}:{}@", User::Service.name(), User::Service.password());
    assert!(text.contains(&service));
    std::fs::write(
        &file,
        text.replace(&service, &format!("{NARROW}:narrow-password@")),
    )
    .unwrap();
    sidecar.start(&[]).unwrap();
    let id = format!("agent-{name}");
    let mut agent = Agent::new(&folder.join("agent"), &id, "zone-a", &sidecar.grpc, "");
    agent.start(&[]);

    let ask = |method: &str, path: &str, body: serde_json::Value, status: u16| {
        let answer = sidecar.request(method, path, Some(&body)).unwrap();
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    };
    let [posted, migrated] = ["posted", "migrated"].map(|account| format!("{name}-{account}"));
    let account = |name: &str| clouddriver::account(name, &ground().kubeconfig);
    ask("POST", "/credentials", account(&posted), 200);
    upstream.create(&account(&migrated));
    ask("POST", "/armory/accounts", json!([{"name": migrated}]), 202);
    for name in [&posted, &migrated] {
        let active = json!([{"name": name, "state": "ACTIVE"}]);
        ask("PATCH", "/armory/accounts", active, 202);
        sidecar.reaches(name, "ACTIVE");
    }
    let mut changed = account(&posted);
    changed["namespaces"] = json!(["default"]);
    ask("PUT", "/credentials", changed, 200);
    ask("DELETE", "/armory/accounts", json!([migrated]), 202);
    let gone = |name: &str| {
        let gone = wait::until(PATIENCE, || match sidecar.account(name) {
            Err(answer) if answer.starts_with("404") => Ok(()),
            other => Err(format!("{other:?}")),
        });
        gone.unwrap();
    };
    gone(&migrated);
    assert_eq!(
        sidecar
            .request("DELETE", &format!("/credentials/{posted}"), None)
            .unwrap()
            .status,
        200
    );
    gone(&posted);
    let left = schema.query("SELECT id FROM accounts");
    assert_eq!(left, [migrated]);
    // The user could not have written it.
    let log = sidecar.process().log().to_lowercase();
    assert!(!log.contains("denied"), "{log}");
    schema.query(&match kind {
        Kind::MariaDb => format!("DROP USER {NARROW}"),
        Kind::Postgres => format!("DROP OWNED BY {NARROW}; DROP ROLE {NARROW}"),
    });
}
