//! The accounts as a table, from GET /armory/accounts and each account's cluster.

use crate::curl::Curl;
use crate::screen::{Colour, Screen};
use ferry_tests::{Ferry, http};
use serde_json::Value;

/// One account.
struct Row {
    name: String,
    status: String,
    zone: String,
    cluster: String,
    message: String,
}

const TITLES: [&str; 4] = ["NAME", "STATUS", "ZONE", "CLUSTER"];

/// Shows all accounts. `Err`: they cannot be had.
pub fn show(screen: &Screen, ferry: &Ferry) -> Result<(), String> {
    let curl = Curl::get(&format!("{}/armory/accounts", ferry.url));
    screen.command(&curl.line);
    let listed: Value = serde_json::from_str(&curl.run()?.body).unwrap_or_default();
    let items = listed["items"].as_array();
    let items = items.ok_or("GET /armory/accounts answered without items")?;
    let rows: Vec<Row> = items.iter().map(|item| row(item, ferry)).collect();
    let cells = |row: &Row| [&row.name, &row.status, &row.zone, &row.cluster].map(String::clone);
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(cells(row)) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |cells: [String; 4]| -> Vec<String> {
        let padded = cells.iter().zip(widths);
        padded
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect()
    };
    screen.dim(line(TITLES.map(str::to_owned)).join("  ").trim_end());
    for row in &rows {
        let mut cells = line(cells(row));
        cells[1] = screen.coloured(colour(&row.status), &cells[1]);
        screen.line(cells.join("  ").trim_end());
        if !row.message.is_empty() {
            screen.hang("  ", &row.message);
        }
    }
    screen.blank();
    Ok(())
}

/// The account as KubesvcAccount: its status, and why.
pub fn account(ferry: &Ferry, name: &str) -> Result<Value, String> {
    let url = format!("{}/agents/kubernetes/accounts/{name}", ferry.url);
    let answer = http::get(&url)?;
    match answer.status {
        200 => Ok(answer.json()),
        status => Err(format!("GET {url} answered {status}")),
    }
}

fn row(item: &Value, ferry: &Ferry) -> Row {
    let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let name = text("name");
    // An account that nobody migrated has none.
    let cluster = account(ferry, &name).unwrap_or_default();
    let part = |key: &str| cluster[key].as_str().unwrap_or_default();
    Row {
        status: text("status"),
        zone: or_dash(&text("zoneId")),
        cluster: or_dash(format!("{} {}", part("kubeHost"), part("kubeVersion")).trim()),
        message: text("lastAssignmentMsg"),
        name,
    }
}

fn or_dash(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        text => text.to_owned(),
    }
}

fn colour(status: &str) -> Colour {
    match status {
        "ACTIVE" => Colour::Green,
        "FAILED" => Colour::Red,
        "INACTIVE" => Colour::Plain,
        _ => Colour::Yellow,
    }
}
