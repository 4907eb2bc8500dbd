//! A small HTTP client for the suites: one request, one answer, JSON or bytes.

use serde_json::Value;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its Retry-After.
    pub retry_after: Option<String>,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.body))
    }
}

/// Sends a request with a JSON body, if any. `Err`: no whole answer came.
pub fn request(method: &str, url: &str, body: Option<&Value>) -> Result<Answer, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(30)))
        .max_idle_connections(0)
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if body.is_some() {
        request = request.header("Content-Type", "application/json");
    }
    let text = body.map(Value::to_string).unwrap_or_default();
    let request = request.body(text).map_err(|error| error.to_string())?;
    let mut response = agent.run(request).map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("Retry-After");
    let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
    let body = response
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    Ok(Answer {
        status,
        retry_after,
        body,
    })
}

/// GET.
pub fn get(url: &str) -> Result<Answer, String> {
    request("GET", url, None)
}
