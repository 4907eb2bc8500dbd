//! `ferry-agent`: reads its configuration and runs the library until SIGTERM or SIGINT.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ferry_agent::config::{Config, Environment, Files};
use tokio::signal::unix::{SignalKind, signal};

/// Watches Kubernetes clusters for Ferry, near them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration. Without it armory-agent.yml of /opt/armory/config is read, or else
    /// kubesvc.yml of /opt/spinnaker/config, and over it armory-agent-local.yml; each may be .yaml,
    /// and without any, defaults hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let files = match &arguments.config {
        Some(file) => Files::named(file),
        None => Files::usual(Path::new("/")),
    };
    let config = match Config::load(&files, &Environment::here()) {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    if let Err(error) = ferry_agent::logging::start(&config.logging, &config.identity.agent_id) {
        return refuse(&error);
    }
    allow_many_files();
    // Two workers: reading a large list must not hold up the heartbeats. Blocking threads read
    // kubeconfigs and resolve names; there is no bound of our own on them, since a name server that
    // is dead holds one for each name.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the system gives threads to a process that starts");
    let outcome = runtime.block_on(ferry_agent::run(config, asked_to_stop()));
    // A blocking thread may wait for a name server; nobody waits for it.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

/// An account takes a connection or more, and many systems give a process 1,024 files unless it
/// asks for what it may have.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

async fn asked_to_stop() {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened to");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be listened to");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("ferry-agent: {error}");
    ExitCode::FAILURE
}
