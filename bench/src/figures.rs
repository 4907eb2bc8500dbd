//! Medians, percentiles and how they are printed.

use std::time::Duration;

/// The machine, so that numbers can be told apart.
pub(crate) fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!("{cores} cores, {model}; load before: {load}")
}

/// The value below which `part` of all lie, by the nearest rank.
pub(crate) fn percentile(times: &[Duration], part: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

pub(crate) fn median(times: &[Duration]) -> Duration {
    percentile(times, 0.5)
}

/// In milliseconds.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// How many times as long as its peer's.
pub(crate) fn times(time: Duration, peer: Duration) -> String {
    format!("x{:.2}", time.as_secs_f64() / peer.as_secs_f64())
}
