//! The body of a request: JSON of a known shape, or a reason that says where it is not. Nothing of
//! what the body has is quoted but the names of its fields: it may be a secret in the wrong place.

use super::Call;
use super::answer::Failure;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::value::RawValue;

/// The body; `expected` says what it should be. Nesting is bounded by the parser, at 128.
pub(super) fn body<T: DeserializeOwned>(call: &Call<'_>, expected: &str) -> Result<T, Failure> {
    if call.body.is_empty() {
        let message = format!("the body is empty; it is to be {expected}");
        return Err(Failure::bad(message));
    }
    let bad = |reason: String| Failure::bad(format!("the body is not {expected}: {reason}"));
    let mut json = serde_json::Deserializer::from_slice(call.body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let reason = reason(error.inner());
        match path.as_str() {
            _ if error.inner().classify() != Category::Data => bad(reason),
            "." | "?" => bad(reason),
            path => bad(format!("{path}: {reason}")),
        }
    })?;
    json.end().map_err(|error| bad(reason(&error)))?;
    Ok(parsed)
}

/// The item of the body's array at this index; an error says where in it what is wrong.
pub(super) fn item<T: DeserializeOwned>(raw: &RawValue, index: usize) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let reason = reason(error.inner());
        // The line would be that in the item.
        let reason = (reason.rsplit_once(" at line ")).map_or(reason.as_str(), |(said, _)| said);
        match error.path().to_string().as_str() {
            "." | "?" => format!("[{index}]: {reason}"),
            path if path.starts_with('[') => format!("[{index}]{path}: {reason}"),
            path => format!("[{index}].{path}: {reason}"),
        }
    })
}

/// Without the value that is wrong.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    if !said.starts_with("invalid") {
        return said;
    }
    let (line, column) = (error.line(), error.column());
    format!("a value of another type at line {line} column {column}")
}
