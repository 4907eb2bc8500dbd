//! The command line of `ferry-sidecar`: reads where the configuration is, and starts it.

use clap::Parser;
use ferry_sidecar::{Settings, help, run};
use std::path::PathBuf;
use std::process::ExitCode;

/// A transparent proxy in front of Clouddriver that moves accounts to Ferry's agents.
#[derive(Parser)]
#[command(version, after_help = help())]
struct Arguments {
    /// A YAML file with any of the keys below; a clouddriver.yml will do. Without one, defaults
    /// and environment variables count.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (settings, unused) = match Settings::read(arguments.config.as_deref(), std::env::vars()) {
        Ok(read) => read,
        Err(errors) => return fail(&format!("the configuration is wrong:\n{errors}")),
    };
    match run(settings, &unused) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&ferry_core::causes(&error)),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("ferry-sidecar: {message}");
    ExitCode::FAILURE
}
