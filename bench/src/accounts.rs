//! Ten thousand accounts in one request against a raw multi-row INSERT of the same rows, and a page
//! of a hundred thousand accounts against the query that reads as many of Clouddriver's; on every
//! database.

use crate::base::Base;
use crate::figures::{median, ms, times};
use ferry_tests::Sidecar;
use ferry_tests::database::Kind;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const ACCOUNTS: usize = 100_000;
const BATCH: usize = 10_000;
const RUNS: usize = 3;
const PAGES: usize = 15;

/// The databases, with their names.
pub(crate) fn bases() -> [(&'static str, Option<Kind>); 3] {
    [
        ("SQLite", None),
        ("MariaDB", Some(Kind::MariaDb)),
        ("PostgreSQL", Some(Kind::Postgres)),
    ]
}

pub(crate) fn run(folder: &Path) {
    for (name, kind) in bases() {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut base = Base::make(kind, &folder);
        fill(&mut base);
        let sidecar = base.sidecar(&folder, "");
        base.like("kubesvc_accounts", "raw_accounts");
        base.like("kubesvc_ferry_audit", "raw_audit");
        println!("\n{name}: {BATCH} accounts in one request, medians of {RUNS} runs");
        batches(&mut base, &sidecar);
        println!("{name}: a page of 100 out of {ACCOUNTS} accounts, half of them migrated");
        pages(&mut base, &sidecar);
    }
}

fn name(at: usize) -> String {
    format!("account-{at:06}")
}

/// Clouddriver's accounts, as long as a kubeconfig makes them.
pub(crate) fn fill(base: &mut Base) {
    let kubeconfig = "certificate-authority-data: ".repeat(70);
    for first in (0..ACCOUNTS).step_by(BATCH) {
        let row = |at: usize| {
            let name = name(at);
            let body =
                json!({"type": "kubernetes", "name": name, "kubeconfigContents": kubeconfig});
            format!("('{name}', 'kubernetes', '{body}', 1, 1, 'anna')")
        };
        let rows: Vec<String> = (first..first + BATCH).map(row).collect();
        base.insert(&[("accounts", &rows)]);
    }
}

/// Every second account: those of the list lie between others.
fn names(batch: usize) -> Vec<String> {
    let first = batch * BATCH;
    (first..first + BATCH).map(|at| name(at * 2)).collect()
}

fn asked(sidecar: &Sidecar, method: &str, body: &Value) -> Duration {
    let start = Instant::now();
    let answer = sidecar
        .request(method, "/armory/accounts", Some(body))
        .unwrap();
    let time = start.elapsed();
    assert_eq!(answer.status, 202, "{method}: {}", answer.body);
    time
}

fn entries(names: &[String], state: Option<&str>) -> Value {
    let entry = |name: &String| match state {
        Some(state) => json!({"name": name, "state": state}),
        None => json!({"name": name}),
    };
    names.iter().map(entry).collect()
}

fn batches(base: &mut Base, sidecar: &Sidecar) {
    let names = names(0);
    let [mut raw, mut post, mut on, mut off, mut delete] = [const { Vec::new() }; 5];
    for _ in 0..RUNS {
        base.run("DELETE FROM kubesvc_ferry_audit".to_owned());
        post.push(asked(sidecar, "POST", &entries(&names, None)));
        let (rows, audit) = (
            base.literals("kubesvc_accounts"),
            base.literals("kubesvc_ferry_audit"),
        );
        assert_eq!((rows.len(), audit.len()), (BATCH, BATCH));
        raw.push(base.insert(&[("raw_accounts", &rows), ("raw_audit", &audit)]));
        base.run("DELETE FROM raw_accounts".to_owned());
        base.run("DELETE FROM raw_audit".to_owned());
        on.push(asked(sidecar, "PATCH", &entries(&names, Some("ACTIVE"))));
        off.push(asked(sidecar, "PATCH", &entries(&names, Some("INACTIVE"))));
        delete.push(asked(sidecar, "DELETE", &json!(names)));
    }
    let raw = median(&raw);
    println!("  {:<28} {:>12}", "raw multi-row INSERT", ms(raw));
    for (what, took) in [
        ("POST", post),
        ("PATCH to ACTIVE", on),
        ("PATCH to INACTIVE", off),
        ("DELETE", delete),
    ] {
        let took = median(&took);
        println!("  {what:<28} {:>12} {:>8}", ms(took), times(took, raw));
    }
}

fn pages(base: &mut Base, sidecar: &Sidecar) {
    for batch in 0..ACCOUNTS / 2 / BATCH {
        asked(sidecar, "POST", &entries(&names(batch), None));
    }
    for (what, page) in [
        ("first", 1),
        ("in the middle", ACCOUNTS / 200),
        ("last", ACCOUNTS / 100),
    ] {
        let (mut raw, mut read) = (Vec::new(), Vec::new());
        for _ in 0..PAGES {
            let path = format!("/armory/accounts?limit=100&page={page}");
            let start = Instant::now();
            let answer = sidecar.request("GET", &path, None).unwrap();
            read.push(start.elapsed());
            let body = answer.json();
            assert_eq!(body["total"], ACCOUNTS, "{}", answer.status);
            assert_eq!(body["items"][99]["name"], name(page * 100 - 1));
            let offset = (page - 1) * 100;
            let start = Instant::now();
            let rows = base.texts(format!(
                "SELECT id, body FROM accounts ORDER BY id LIMIT 100 OFFSET {offset}"
            ));
            raw.push(start.elapsed());
            assert_eq!(rows.len(), 100);
        }
        let (raw, read) = (median(&raw), median(&read));
        println!(
            "  {:<28} {:>12} {:>8}   raw SELECT with OFFSET {:>10}",
            format!("page, {what}"),
            ms(read),
            times(read, raw),
            ms(raw),
        );
    }
}
