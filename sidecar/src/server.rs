//! The sidecar's life: bind, start the core, accept, and on SIGTERM or SIGINT drain and stop.
//!
//! Called by `main.rs`. Prints one line of JSON with the real addresses on stdout once it serves.
//! Every task that serves a client or holds the core is in [`Tasks`], so that the core is shut down
//! after the last of them.

use crate::admin::Admin;
use crate::config::Settings;
use crate::connection::{Announcement, ClientSocket, Delivery};
use crate::failpoint;
use crate::log;
use crate::metrics::Metrics;
use crate::proxy::{Client, Proxy, Tasks};
use crate::reply;
use crate::upstream::Upstream;
use ferry_core::{Core, StartError};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

/// Why the sidecar did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port cannot be bound.
    #[error("{key}: cannot listen on {address}: {reason}")]
    Bind {
        /// The configuration's key of the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: io::Error,
    },
    /// The core did not start.
    #[error(transparent)]
    Core(#[from] StartError),
    /// The system refused something that every process needs.
    #[error("the system refuses to run the sidecar: {0}")]
    System(#[from] io::Error),
}

/// Runs the sidecar until it is told to stop. `unused` are keys that are set without effect, and why.
pub fn run(settings: Settings, unused: &[String]) -> Result<(), RunError> {
    log::start(&settings.log);
    for key in unused {
        warn!("known, not used here: {key}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = bind("sidecar.listen", settings.listen).await?;
    let admin_listener = bind("sidecar.admin.listen", settings.admin).await?;
    let core = Arc::new(Core::start(settings.core.clone()).await?);
    announce(&listener, &admin_listener, &core)?;

    let (tasks, metrics) = (Tasks::default(), Arc::new(Metrics::new()));
    let stopping = CancellationToken::new();
    let admin = Arc::new(Admin {
        core: core.clone(),
        metrics: metrics.clone(),
        stopping: stopping.clone(),
    });
    let drained = CancellationToken::new();
    let admin = tokio::spawn(serve_admin(admin_listener, admin, drained.clone()));
    let proxy = Arc::new(Proxy {
        core: core.clone(),
        access: settings.access.clone(),
        upstream: Upstream::new(&settings),
        metrics,
        idle_timeout: settings.idle_timeout,
        tasks: tasks.clone(),
    });
    let accepting = accept(listener, proxy, stopping.clone());
    tokio::select! {
        () = accepting => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping: no new connections, finishing what is in flight");
    stopping.cancel();
    drain(&tasks, settings.drain).await;
    drained.cancel();
    // Even a panic in there must not keep the core from its shutdown.
    let _ = admin.await;
    match Arc::into_inner(core) {
        Some(core) => core.shutdown().await,
        None => error!("the core is still in use and is not shut down in order"),
    }
    info!("stopped");
    Ok(())
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address)
        .await
        .map_err(|reason| RunError::Bind {
            key,
            address,
            reason,
        })
}

fn announce(listener: &TcpListener, admin: &TcpListener, core: &Core) -> io::Result<()> {
    let (listen, admin, grpc) = (
        listener.local_addr()?,
        admin.local_addr()?,
        core.grpc_address(),
    );
    info!(%listen, %admin, %grpc, "ready to serve");
    let line = serde_json::json!({
        "listen": listen.to_string(),
        "admin": admin.to_string(),
        "grpc": grpc.to_string(),
    });
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Takes connections until it is dropped.
async fn accept(listener: TcpListener, proxy: Arc<Proxy>, stopping: CancellationToken) {
    loop {
        if let Some((stream, peer)) = next(&listener).await {
            let connection = serve_client(stream, peer, proxy.clone(), stopping.clone());
            proxy.tasks.spawn(connection);
        }
    }
}

async fn next(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Without it small answers wait for acknowledgements; with an error they do just that.
            let _ = stream.set_nodelay(true);
            Some((stream, peer))
        }
        Err(error) => {
            // Mostly: no file descriptors left. Trying at once would only burn the processor.
            warn!(%error, "a connection could not be taken");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn serve_client(
    stream: TcpStream,
    peer: SocketAddr,
    proxy: Arc<Proxy>,
    stopping: CancellationToken,
) {
    let client = Client {
        peer: peer.ip(),
        delivery: Delivery::default(),
    };
    let socket = ClientSocket {
        stream,
        delivery: client.delivery.clone(),
    };
    let idle = proxy.idle_timeout;
    let service = service_fn(move |request| {
        let answering = proxy.clone().answer(client.clone(), request);
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let connection = http1::Builder::new()
        .preserve_header_case(true)
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a client's connection broke");
    }
}

async fn serve_admin(listener: TcpListener, admin: Arc<Admin>, drained: CancellationToken) {
    let mut connections = tokio::task::JoinSet::new();
    while let Some(taken) = drained.run_until_cancelled(next(&listener)).await {
        while connections.try_join_next().is_some() {}
        let Some((stream, _)) = taken else {
            continue;
        };
        let delivery = Delivery::default();
        let socket = ClientSocket {
            stream,
            delivery: delivery.clone(),
        };
        let admin = admin.clone();
        let service = service_fn(move |request| {
            let admin = admin.clone();
            let announcement = Announcement {
                delivery: delivery.clone(),
                point: failpoint::AFTER_ADMIN,
            };
            async move {
                let response = admin.answer(request).await;
                failpoint::hit(failpoint::BEFORE_ADMIN);
                Ok::<_, Infallible>(reply::guard(response, announcement))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(socket), service);
        connections.spawn(connection);
    }
    connections.shutdown().await;
}

/// Waits for everything in flight, then cuts off what is left.
async fn drain(tasks: &Tasks, limit: Duration) {
    tasks.tracker.close();
    if tokio::time::timeout(limit, tasks.tracker.wait())
        .await
        .is_err()
    {
        warn!(
            seconds = limit.as_secs(),
            "cutting off what is still in flight"
        );
        tasks.cut.cancel();
        tasks.tracker.wait().await;
    }
}
