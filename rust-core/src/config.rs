//! Configuration.

/// The core's configuration.
pub struct Config;
