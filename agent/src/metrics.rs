//! What the agent counts, under the names that Armory's agent has, in Prometheus' text format.
//!
//! `session` and `cluster` count, [`serve`] answers GET /metrics and /prometheus_metrics, and only
//! when `prometheus.enabled` says so. Of Armory's names there are those that mean something here:
//! none about events, which are not sent, and none about Go.

use std::convert::Infallible;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;

/// Sessions with a core that were registered.
pub(crate) static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
/// Such sessions that ended.
pub(crate) static DISCONNECTIONS: AtomicU64 = AtomicU64::new(0);
/// Requests to API servers.
pub(crate) static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Counts one more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, accounts: Accounts, tasks: TaskTracker) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: not a reason to spin.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let accounts = accounts.clone();
        tasks.spawn(async move {
            let service = service_fn(|request| {
                let answer = answer(&request, &accounts);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(10))
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!("metrics connection: {error}");
            }
        });
    }
}

fn answer(request: &Request<Incoming>, accounts: &Accounts) -> Response<Full<Bytes>> {
    let known = matches!(request.uri().path(), "/metrics" | "/prometheus_metrics");
    let (status, body) = match (known, request.method() == Method::GET) {
        (true, true) => (StatusCode::OK, text(accounts)),
        (true, false) => (
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET is served\n".into(),
        ),
        (false, _) => (
            StatusCode::NOT_FOUND,
            "there are /metrics and /prometheus_metrics\n".into(),
        ),
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain; version=0.0.4")
        .body(Full::new(Bytes::from(body)))
        .expect("a status and one fixed header make a response")
}

fn text(accounts: &Accounts) -> String {
    let mut text = String::new();
    let mut row = |name: &str, kind: &str, help: &str, value: &dyn Display| {
        writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
        )
        .expect("a String takes everything");
    };
    let read = |counter: &AtomicU64| counter.load(Relaxed);
    let shown = accounts.shown();
    let watches: usize = shown.iter().map(|account| account.watched.len()).sum();
    for (name, help, counter) in [
        (
            "kubesvc_connection_count",
            "Sessions with a core that were registered.",
            &CONNECTIONS,
        ),
        (
            "kubesvc_disconnection_total",
            "Registered sessions that ended.",
            &DISCONNECTIONS,
        ),
        (
            "kubesvc_kubernetes_requests",
            "Requests to API servers.",
            &REQUESTS,
        ),
    ] {
        row(name, "counter", help, &read(counter));
    }
    row(
        "kubesvc_watches",
        "gauge",
        "Kinds that are watched.",
        &watches,
    );
    row(
        "ferry_agent_accounts",
        "gauge",
        "Accounts that are held.",
        &shown.len(),
    );
    for (name, kind, help, value) in process() {
        row(name, kind, help, &value);
    }
    text
}

type Row = (&'static str, &'static str, &'static str, f64);

/// What Linux says of this process; what it does not say is left out.
fn process() -> Vec<Row> {
    // Linux has counted in hundredths of a second towards processes ever since.
    const TICKS: f64 = 100.0;
    let page = rustix::param::page_size() as f64;
    let mut rows: Vec<Row> = Vec::new();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in brackets, may hold spaces.
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(f64::NAN))
        .collect();
    // Numbered from 1 in proc(5), and the third is the first here.
    let field = |number: usize| fields.get(number - 3).copied();
    if let (Some(user), Some(system)) = (field(14), field(15)) {
        let seconds = (user + system) / TICKS;
        rows.push((
            "process_cpu_seconds_total",
            "counter",
            "Seconds of CPU.",
            seconds,
        ));
    }
    let machine = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = machine.lines().find_map(|line| line.strip_prefix("btime "));
    if let (Some(boot), Some(start)) = (boot.and_then(|boot| boot.parse::<f64>().ok()), field(22)) {
        let help = "Start, in seconds since 1970.";
        rows.push((
            "process_start_time_seconds",
            "gauge",
            help,
            boot + start / TICKS,
        ));
    }
    if let (Some(size), Some(pages)) = (field(23), field(24)) {
        let help = "Memory in bytes.";
        rows.push(("process_virtual_memory_bytes", "gauge", help, size));
        rows.push(("process_resident_memory_bytes", "gauge", help, pages * page));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = open.count() as f64;
        rows.push(("process_open_fds", "gauge", "Open files.", open));
    }
    for (name, resource, help) in [
        (
            "process_max_fds",
            Resource::Nofile,
            "Files that may be open.",
        ),
        (
            "process_virtual_memory_max_bytes",
            Resource::As,
            "Memory that may be taken, in bytes; -1: any.",
        ),
    ] {
        let most = getrlimit(resource).current.map_or(-1.0, |most| most as f64);
        rows.push((name, "gauge", help, most));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_of_the_process() {
        let rows = process();
        let value = |name: &str| {
            let row = rows.iter().find(|row| row.0 == name);
            row.map_or(f64::NAN, |row| row.3)
        };
        assert_eq!(rows.len(), 7, "{rows:?}");
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_start_time_seconds") > 1.6e9);
        assert!(value("process_cpu_seconds_total") < 1e5);
    }
}
