//! What is asked and answered in one case, as text that is the same at every place: compared with
//! `golden/NAME.txt`. `UPDATE=1` writes the file instead.
//!
//! What differs by nature (times, ports, identities) stands there as a named placeholder; all else,
//! the answer's headers included, has to be the same.

use crate::ground::{Place, TOKEN, plain_clouddriver};
use ferry_tests::{Answer, Clouddriver, http};
use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Fields of answers that differ by nature, and how they are shown. An empty one is shown empty.
const VOLATILE: &[(&str, &str)] = &[
    ("timestamp", "«time»"),
    ("at", "«time»"),
    ("id", "«id»"),
    ("lastUpdated", "«time»"),
    ("lastConnection", "«time»"),
    ("clouddriverId", "«core»"),
    ("time", "«time»"),
    ("startTime", "«time»"),
    ("endTime", "«time»"),
    ("totalDurationMs", "«milliseconds»"),
    ("durationMs", "«milliseconds»"),
    ("operationId", "«operation»"),
    ("certFingerprint", "«fingerprint»"),
    ("kubeVersion", "«version»"),
];

/// Headers of every answer that say nothing of it; the ETag is a digest of the body, which a filter
/// of Clouddriver's adds to what is answered inside it.
const OF_EVERY_ANSWER: &[&str] = &[
    "connection",
    "content-length",
    "date",
    "etag",
    "keep-alive",
    "transfer-encoding",
];

/// A case's requests and answers so far.
pub struct Talk<'a> {
    place: &'a Place,
    text: String,
    hidden: Vec<(String, &'static str)>,
}

impl<'a> Talk<'a> {
    /// Nothing yet.
    pub fn at(place: &'a Place) -> Talk<'a> {
        Talk {
            place,
            text: String::new(),
            hidden: Vec::new(),
        }
    }

    /// From now on `text` is shown as `«name»`.
    pub fn hide(&mut self, text: &str, shown: &'static str) {
        self.hidden.push((text.to_owned(), shown));
    }

    /// Asks with a JSON body; `Value::Null`: with none.
    pub fn ask(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        match body {
            Value::Null => self.say(method, path, &[], ""),
            body => {
                let json = ("Content-Type", "application/json");
                let text = serde_json::to_string_pretty(body).unwrap();
                self.say(method, path, &[json], &text)
            }
        }
    }

    /// GET.
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &Value::Null)
    }

    /// Asks with these headers and this body.
    pub fn say(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let answer = self.place.send(method, path, headers, body);
        self.note(method, path, headers, body, &answer);
        answer
    }

    /// Notes what was asked and answered.
    pub fn note(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        answer: &Answer,
    ) {
        assert!(
            !answer.body.contains(TOKEN),
            "{method} {path}: {}",
            answer.body
        );
        let mut text = format!("{method} {path}\n");
        for (name, value) in headers {
            writeln!(text, "{name}: {value}").unwrap();
        }
        if !body.is_empty() {
            writeln!(text, "\n{body}").unwrap();
        }
        writeln!(text, "\n{}", answer.status).unwrap();
        let mut answered = answer.headers.clone();
        answered.sort();
        for (name, value) in &answered {
            if !OF_EVERY_ANSWER.contains(&name.as_str()) {
                writeln!(text, "{name}: {value}").unwrap();
            }
        }
        if !answer.body.is_empty() {
            writeln!(text, "\n{}", shown(&answer.body)).unwrap();
        }
        for (hidden, name) in &self.hidden {
            text = text.replace(hidden, &format!("«{name}»"));
        }
        if !self.text.is_empty() {
            self.text.push_str("\n----\n\n");
        }
        self.text.push_str(&text);
    }

    /// The same, and the answer has to be that of a Clouddriver without Ferry: all of it but times.
    pub fn say_as_without(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        self.say_as(plain_clouddriver(), method, path, headers, body);
    }

    /// The same with this Clouddriver.
    pub fn say_as(
        &mut self,
        other: &Clouddriver,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let url = format!("{}{path}", other.url);
        let without = http::send(method, &url, headers, body).unwrap();
        let with = self.say(method, path, headers, body);
        assert_eq!(timeless(&with), timeless(&without), "{method} {path}");
    }

    /// Compares everything with `golden/NAME.txt`.
    ///
    /// # Panics
    /// Where it differs.
    pub fn is(self, name: &str) {
        let file = folder().join(format!("golden/{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            return std::fs::write(&file, &self.text).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        let differs = golden
            .lines()
            .zip(self.text.lines())
            .position(|(a, b)| a != b);
        let line = differs.unwrap_or(golden.lines().count().min(self.text.lines().count())) + 1;
        assert!(
            golden == self.text,
            "not as in {}, from line {line} on (UPDATE=1 writes it):\n{}",
            file.display(),
            self.text
        );
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract")
}

/// A file that no case reads would say nothing.
#[test]
fn each_golden_file_has_its_case() {
    let files = |folder: PathBuf| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
    };
    let sources: String = files(folder())
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    for golden in files(folder().join("golden")) {
        let name = golden.file_stem().unwrap().to_str().unwrap();
        assert!(
            sources.contains(&format!(".is(\"{name}\")")),
            "{}",
            golden.display()
        );
    }
}

/// An answer without the times in it, and without what is between two neighbours alone.
fn timeless(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    // An ETag is a digest of the body.
    let has_times = answer.body.contains("\"timestamp\":");
    headers.retain(|(name, _)| match name.as_str() {
        "connection" | "date" => false,
        "etag" => !has_times,
        _ => true,
    });
    headers.sort();
    let mut parts = answer.body.split("\"timestamp\":");
    let mut body = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let time = part.find([',', '}']).unwrap_or_default();
        body.push_str(&part[time..]);
    }
    (answer.status, headers, body)
}

/// JSON, or lines of it, with its keys in order, one a line, and without what differs by nature.
fn shown(body: &str) -> String {
    let values = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    let Ok(mut values) = values.collect::<Result<Vec<_>, _>>() else {
        return body.to_owned();
    };
    values.iter_mut().for_each(mask);
    let shown = values.iter().map(serde_json::to_string_pretty);
    shown.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

fn mask(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match VOLATILE.iter().find(|(volatile, _)| volatile == name) {
                    Some((_, shown)) if *value != "" => *value = Value::from(*shown),
                    _ => mask(value),
                }
            }
        }
        _ => {}
    }
}
