//! A request as the `curl` line that a reader can repeat. What is shown is what runs: the very line,
//! through `sh -c`.

use serde_json::{Map, Value};
use std::process::{Command, Stdio};

/// What may be shown of an answer. Clouddriver answers with the kubeconfig that it was sent.
const SHOWN: &[&str] = &["name", "type", "error", "message", "status", "accounts"];

/// A request.
pub struct Curl {
    /// The line, with `\` at the ends of its parts.
    pub line: String,
}

/// What came.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, which may hold secrets.
    pub body: String,
}

impl Curl {
    /// A GET.
    pub fn get(url: &str) -> Curl {
        Curl {
            line: format!("curl -si {url}"),
        }
    }

    /// A request with JSON; `data` is the JSON, or `@` and the file that holds it.
    pub fn send(method: &str, url: &str, data: &str) -> Curl {
        Curl {
            line: format!(
                "curl -si -X {method} {url} \\\n  -H 'Content-Type: application/json' \\\n  \
                 --data '{data}'"
            ),
        }
    }

    /// Runs it. `Err`: no answer came.
    pub fn run(&self) -> Result<Answer, String> {
        let output = Command::new("sh")
            .args(["-c", &self.line])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("sh does not start: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).ok_or_else(|| format!("no answer ({}) to: {}", output.status, self.line))
    }
}

/// `curl -i` prints the head, an empty line, the body; `100 Continue` may stand before.
fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    match status {
        100..200 => parse(body),
        _ => Some(Answer {
            status,
            body: body.to_owned(),
        }),
    }
}

impl Answer {
    /// The body, short and without secrets.
    pub fn shown(&self) -> String {
        match serde_json::from_str(&self.body) {
            Ok(Value::Object(object)) => short(&object),
            Ok(other) => other.to_string(),
            Err(_) if self.body.is_empty() => "(no body)".to_owned(),
            Err(_) => format!("({} bytes)", self.body.len()),
        }
    }
}

fn short(object: &Map<String, Value>) -> String {
    let mut parts: Vec<String> = SHOWN
        .iter()
        .filter_map(|key| Some(format!("\"{key}\":{}", object.get(*key)?)))
        .collect();
    if parts.len() < object.len() {
        parts.push("…".to_owned());
    }
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_without_the_kubeconfig() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\nA: b\r\n\r\n\
                    {\"kubeconfigContents\":\"token\",\"name\":\"good\"}";
        let answer = parse(text).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.shown(), "{\"name\":\"good\",…}");
        assert!(parse("").is_none());
    }
}
