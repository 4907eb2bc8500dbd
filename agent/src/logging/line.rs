//! How a line of the log looks: `time`, `level`, `msg`, then the event's fields and those that
//! every line has, as `key=value` or as a JSON object.
//!
//! Names and levels are those of Armory's agent, so that who collects its log can go on.

use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// Formats every event.
pub(super) struct Lines {
    pub(super) format: LogFormat,
    /// Fields that every line has.
    pub(super) everywhere: Vec<(String, String)>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = vec![
            ("time".to_owned(), time.into()),
            ("level".to_owned(), level(*event.metadata().level()).into()),
            ("msg".to_owned(), said.message.into()),
        ];
        fields.extend(said.fields);
        for (name, value) in &self.everywhere {
            if fields.iter().all(|(known, _)| known != name) {
                fields.push((name.clone(), value.as_str().into()));
            }
        }
        match self.format {
            LogFormat::Json => {
                let object: Map<String, Value> = fields.into_iter().collect();
                writeln!(writer, "{}", Value::Object(object))
            }
            LogFormat::Text => {
                let mut line = String::new();
                for (name, value) in fields {
                    let gap = if line.is_empty() { "" } else { " " };
                    write!(line, "{gap}{name}={}", plain(&value))?;
                }
                writeln!(writer, "{line}")
            }
        }
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// A value as it stands after `=`: in quotes where it would end too soon.
fn plain(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let word = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    match !text.is_empty() && text.chars().all(word) {
        true => text.clone(),
        false => format!("{text:?}"),
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(String, Value)>,
}

impl Said {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            // Where a crate of the `log` facade was, which is nobody's field.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.fields.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(format: LogFormat) -> String {
        let everywhere = [("agentId", "agent-1"), ("agentCluster", "far away")];
        let lines = Lines {
            format,
            everywhere: everywhere.map(|(k, v)| (k.into(), v.into())).into(),
        };
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = layer()
            .event_format(lines)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let error = "x509: \"no\"\nsecond line";
            tracing::warn!(
                account = "a",
                generation = 3_u64,
                error,
                "cluster {}",
                "lost"
            );
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_has_the_documented_fields_in_either_format() {
        let json = said(LogFormat::Json);
        let mut object: Value = serde_json::from_str(&json).unwrap();
        let time = object["time"].take();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        let expected = serde_json::json!({
            "time": null, "level": "warning", "msg": "cluster lost", "account": "a",
            "generation": 3, "error": "x509: \"no\"\nsecond line",
            "agentId": "agent-1", "agentCluster": "far away",
        });
        assert_eq!(object, expected);

        let text = said(LogFormat::Text);
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.starts_with("time=20"), "{time}");
        let expected = "level=warning msg=\"cluster lost\" account=a generation=3 \
                        error=\"x509: \\\"no\\\"\\nsecond line\" agentId=agent-1 \
                        agentCluster=\"far away\"\n";
        assert_eq!(rest, expected);
    }
}
