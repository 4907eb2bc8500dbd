//! The key that seals kubeconfigs is changed while cores serve: whatever dies or writes meanwhile,
//! in the end every secret opens with the new key alone, and is the one that was brought last.

use crate::ground::{PATIENCE, PLANTED, QUICK, fresh, ground};
use ferry_core::failpoint;
use ferry_tests::database::{Database, Kind};
use ferry_tests::{Agent, Door, Ferry, Sidecar, wait};
use serde_json::{Value, json};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A new key in a file of its own.
fn key(path: PathBuf) -> PathBuf {
    let key = std::fs::read("/proc/sys/kernel/random/uuid").unwrap()[..32].to_vec();
    let mut file = std::fs::OpenOptions::new();
    let file = file.write(true).create_new(true).mode(0o600).open(&path);
    std::io::Write::write_all(&mut file.unwrap(), &key).unwrap();
    path
}

/// Gives a core, which does not run, these keys: the first seals.
fn configure(path: &Path, keys: &[&Path]) {
    let config = std::fs::read_to_string(path).unwrap();
    let kept = config
        .lines()
        .filter(|line| !line.starts_with("kubesvc.secrets."));
    let mut config: Vec<String> = kept.map(str::to_owned).collect();
    let names: Vec<String> = keys.iter().map(|key| key.display().to_string()).collect();
    config.push(format!("kubesvc.secrets.keyFile: {}", names[0]));
    let others = names[1..].join(", ");
    config.push(format!("kubesvc.secrets.otherKeyFiles: [{others}]"));
    std::fs::write(path, config.join("\n")).unwrap();
}

fn restart(sidecar: &mut Sidecar, keys: &[&Path], environment: &[(&str, &str)]) {
    sidecar.process().terminate(PATIENCE);
    configure(&sidecar.folder().join("ferry.yml"), keys);
    sidecar.start(environment).unwrap();
}

fn rotate(sidecar: &Ferry) -> Result<Value, String> {
    let answer = sidecar.request("POST", "/armory/keys/rotate", None)?;
    match answer.status {
        200 => Ok(answer.json()),
        status => Err(format!("{status} {}", answer.body)),
    }
}

fn account(name: &str, kubeconfig: &str) -> Value {
    json!({"name": name, "kubeconfigContents": kubeconfig})
}

fn post(sidecar: &Ferry, names: &[String]) {
    let accounts = names.iter().map(|name| account(name, &ground().kubeconfig));
    let accounts = Value::from(accounts.collect::<Vec<_>>());
    let posted = sidecar.request("POST", "/armory/accounts/dynamic", Some(&accounts));
    let posted = posted.unwrap();
    assert_eq!(posted.status, 202, "{}", posted.body);
}

#[test]
fn a_core_that_dies_while_keys_change_on_sqlite() {
    let (name, folder) = fresh();
    let sidecar = Sidecar::new(&folder, &ground().clouddriver.url, QUICK);
    let first = folder.join("ferry.key");
    dies_and_goes_on(&name, sidecar, &first);
}

#[test]
fn a_core_that_dies_while_keys_change_on_mariadb() {
    let (name, folder) = fresh();
    let schema = Database::shared(Kind::MariaDb).schema();
    let first = key(folder.with_extension("key"));
    let upstream = &ground().clouddriver.url;
    let sidecar = Sidecar::on(&schema, &first, &folder, upstream, QUICK);
    dies_and_goes_on(&name, sidecar, &first);
}

/// Three batches of secrets; it dies before one, after one, and while it says which keys it has.
fn dies_and_goes_on(name: &str, mut sidecar: Sidecar, first: &Path) {
    let names: Vec<String> = (0..250).map(|at| format!("{name}-{at:03}")).collect();
    sidecar.start(&[]).unwrap();
    let id = format!("agent-{name}");
    let mut agent = Agent::new(sidecar.folder(), &id, "zone-a", &sidecar.grpc, "");
    agent.start(&[]);
    post(&sidecar, &names);
    sidecar.patch(&names[0], "ACTIVE").unwrap();
    sidecar.reaches(&names[0], "ACTIVE");

    let second = key(sidecar.folder().join("second.key"));
    let keys = [second.as_path(), first];
    for point in [failpoint::RESEAL_BEFORE, failpoint::RESEAL_AFTER] {
        restart(&mut sidecar, &keys, &[("FERRY_FAILPOINT", point)]);
        rotate(&sidecar).unwrap_err();
        let died = sidecar.process().aborts(PATIENCE);
        died.unwrap_or_else(|error| panic!("{point}: {error}"));
        sidecar.start(&[]).unwrap();
    }
    for point in [failpoint::KEYS_BEFORE, failpoint::KEYS_AFTER] {
        sidecar.process().terminate(PATIENCE);
        sidecar.start(&[("FERRY_FAILPOINT", point)]).unwrap_err();
        sidecar.start(&[]).unwrap();
    }
    let rotated = wait::until(PATIENCE, || rotate(&sidecar)).unwrap();
    assert_eq!(rotated["resealed"], 150, "one batch was done: {rotated}");
    let only = json!([{"keyId": rotated["keyId"], "count": 250}]);
    assert_eq!(rotated["secrets"], only);

    restart(&mut sidecar, &[&second], &[]);
    for name in [&names[0], &names[120], &names[249]] {
        sidecar.patch(name, "ACTIVE").unwrap();
        sidecar.reaches(name, "ACTIVE");
    }
    let log = std::fs::read_to_string(sidecar.folder().join("sidecar.log")).unwrap();
    assert!(!log.contains(PLANTED) && log.contains("sealed anew"));
}

/// One core still seals with the old key, and is given new kubeconfigs all the time.
#[test]
fn what_is_written_while_keys_change_is_what_stays_on_postgres() {
    let (name, folder) = fresh();
    let schema = Database::shared(Kind::Postgres).schema();
    let (old, new) = (
        key(folder.with_extension("old")),
        key(folder.with_extension("new")),
    );
    let upstream = &ground().clouddriver.url;
    let [mut a, mut b] = ["a", "b"]
        .map(|replica| Sidecar::on(&schema, &old, &folder.join(replica), upstream, QUICK));
    a.start(&[]).unwrap();
    b.start(&[]).unwrap();
    let names: Vec<String> = (0..40).map(|at| format!("{name}-{at:02}")).collect();
    post(&a, &names);

    restart(&mut a, &[&new, &old], &[]);
    let refused = rotate(&a).unwrap_err();
    assert!(
        refused.starts_with("409") && refused.contains("otherKeyFiles"),
        "{refused}"
    );
    restart(&mut b, &[&old, &new], &[]);
    let done = AtomicBool::new(false);
    let last: Vec<&str> = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&b, &names, &done));
        let mut resealed = 0;
        let rotated = wait::until(PATIENCE, || {
            resealed += rotate(&a)?["resealed"].as_u64().unwrap();
            match resealed > 80 {
                true => Ok(()),
                false => Err(format!("{resealed} secrets were sealed anew")),
            }
        });
        done.store(true, Ordering::Relaxed);
        rotated.unwrap();
        writer.join().unwrap()
    });
    restart(&mut b, &[&new, &old], &[]);
    let rotated = rotate(&b).unwrap();
    let only = json!([{"keyId": rotated["keyId"], "count": 40}]);
    assert_eq!(rotated["secrets"], only);

    a.process().terminate(PATIENCE);
    restart(&mut b, &[&new], &[]);
    let mut agent = Agent::new(&folder, "agent-keys", "zone-a", &b.grpc, "");
    agent.start(&[]);
    for (name, host) in names.iter().zip(last) {
        b.patch(name, "ACTIVE").unwrap();
        let served = b.reaches(name, "ACTIVE");
        let at = served["kubeHost"].as_str().unwrap();
        assert!(at.contains(host), "{name}: {at} instead of {host}");
    }
}

/// Gives each account one kubeconfig after the other; answers the host of each one's last.
fn write<'a>(sidecar: &Sidecar, names: &[String], done: &AtomicBool) -> Vec<&'a str> {
    let hosts = ["localhost", "127.0.0.1"];
    let mut last = vec![hosts[1]; names.len()];
    for round in 0.. {
        for (at, name) in names.iter().enumerate() {
            if done.load(Ordering::Relaxed) {
                return last;
            }
            let host = hosts[(round + at) % 2];
            let server = format!("https://{host}:");
            let kubeconfig = ground().kubeconfig.replace("https://127.0.0.1:", &server);
            let body = account(name, &kubeconfig);
            let put = sidecar.request("PUT", "/armory/accounts/dynamic", Some(&body));
            let put = put.unwrap();
            assert_eq!(put.status, 202, "{}", put.body);
            last[at] = host;
        }
    }
    unreachable!("it ends when it is done")
}

/// The plugin has no command line; its door is Clouddriver's.
#[test]
fn keys_change_at_the_plugins_door() {
    let (name, folder) = fresh();
    let schema = Database::shared(Kind::Postgres).schema();
    std::fs::create_dir_all(&folder).unwrap();
    let (old, new) = (key(folder.join("old.key")), key(folder.join("new.key")));
    let mut door = Door::plugin(&schema, &folder, QUICK);
    let config = folder.join("clouddriver.yml");
    configure(&config, &[&old]);
    door.start(&[]).unwrap();
    post(&door, &[format!("{name}-a"), format!("{name}-b")]);
    let refused = door.request("POST", "/armory/keys", None).unwrap();
    assert_eq!(refused.status, 405);

    door.process().terminate(PATIENCE);
    configure(&config, &[&new, &old]);
    door.start(&[]).unwrap();
    let before = door.request("GET", "/armory/keys", None).unwrap().json();
    let key_of = |used: &Value| (used["keyId"].clone(), used["count"].clone());
    let old_id = before["otherKeyIds"][0].clone();
    assert_eq!(key_of(&before["secrets"][0]), (old_id, json!(2)));
    let rotated = rotate(&door).unwrap();
    assert_eq!(rotated["resealed"], 2);
    assert_eq!(
        key_of(&rotated["secrets"][0]),
        (before["keyId"].clone(), json!(2))
    );
    assert_eq!(rotated["secrets"].as_array().unwrap().len(), 1);
}
