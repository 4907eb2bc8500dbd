//! The running core: its parts put together at the start, taken apart at the end.

use crate::account::Limits;
use crate::account::scan::{Origin, Pattern, ScanRules};
use crate::api::Api;
use crate::config::{Accounts, AgentToken, Config, GrpcServer, Scan};
use crate::error::causes;
use crate::hub::{Admission, Hub, ListenError, Listening, Registry, SessionSettings, Token};
use crate::intercept::{Interception, Interceptor, NotJournaled};
use crate::lifecycle::{self, Lifecycle, Parts, TakeoverError};
use crate::metrics::Metrics;
use crate::secret::{Keyring, Resolver, SecretError};
use crate::source::{Configured, Source};
use crate::store::{BadLocation, Location, Retention, Store, StoreError};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many things agents said wait to be recorded before the sessions do.
const EVENTS: usize = 1024;

/// A running core.
pub struct Core {
    api: Api,
    store: Store,
    interceptor: Option<Arc<Interceptor>>,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    hub: Hub,
    running: lifecycle::Running,
    core_id: String,
}

/// Why a core did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database's URL.
    #[error("the database: {0}")]
    Location(#[from] BadLocation),
    /// Nowhere to read accounts from.
    #[error(
        "the database has no table `accounts` of Clouddriver's that its user may read; grant \
         SELECT on it"
    )]
    NoSource,
    /// The database.
    #[error("the database {place}")]
    Store {
        /// Where it is.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// What Armory's plugin left.
    #[error("the accounts that Armory's plugin left are not taken over")]
    Takeover(#[from] TakeoverError),
    /// The key file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The agents' port.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

impl Core {
    /// Opens the store, settles what an earlier core left open, and listens for agents. What does
    /// not start leaves no connection open.
    pub async fn start(config: Config) -> Result<Core, StartError> {
        let location = Location::parse(&config.place.database, config.place.migration.as_ref())?;
        let core_id = core_id();
        let store = Store::open(&location).await.map_err(away(&location))?;
        let store = store.of_core(&core_id);
        match Core::start_on(&store, config, &location, &core_id).await {
            Ok(core) => Ok(core),
            Err(error) => {
                // A core that never entered leaves nothing to remove.
                store.exit(&core_id).await.ok();
                store.close().await;
                Err(error)
            }
        }
    }

    async fn start_on(
        store: &Store,
        config: Config,
        location: &Location,
        core_id: &str,
    ) -> Result<Core, StartError> {
        let keyring = keyring(&config, location)?;
        let accounts = &config.dynamic_accounts;
        let limits = Limits {
            transition: accounts.transition_timeout,
            retry: accounts.retry_frequency,
            max_retries: accounts.max_retries,
        };
        let rules = rules(&accounts.scan, &config.accounts);
        let source = source(store, &config, location).await?;
        lifecycle::take_over(store, &keyring, &source, &limits).await?;
        store
            .enter(core_id, &limits)
            .await
            .map_err(away(location))?;
        let metrics = Arc::new(Metrics::new());
        let registry = Arc::new(Registry::default());
        let lifecycle = Arc::new(Lifecycle::new(Parts {
            store: store.clone(),
            keyring,
            resolver: Resolver::new(config.engines.clone()).map_err(SecretError::Vault)?,
            source: source.clone(),
            registry: registry.clone(),
            limits,
            grace: config.account_cleanup,
            retention: Retention {
                audit: config.audit_kept,
                operations: config.operations_kept,
            },
            metrics: metrics.clone(),
            core_id: core_id.to_owned(),
            rules,
            follows: accounts.enabled,
        }));
        let announced = lifecycle.announce_keys().await;
        announced.map_err(away(location))?;
        let (events, heard) = mpsc::channel(EVENTS);
        let settings = SessionSettings {
            core_id: core_id.to_owned(),
            heartbeat: config.heartbeat,
            grace: config.account_cleanup,
        };
        let hub = Hub::start(listening(config.grpc), settings, events, registry.clone()).await?;
        let running = lifecycle.run(heard);
        let interceptor = accounts.intercept.then(|| {
            Interceptor::new(
                store.clone(),
                source.clone(),
                lifecycle.clone(),
                metrics.clone(),
                accounts.activate_intercepted,
                accounts.strict,
            )
        });
        if let Some(interceptor) = &interceptor {
            interceptor.run();
        }
        let api = Api {
            store: store.clone(),
            source,
            lifecycle,
            enabled: accounts.enabled,
            empty_object_for_unknown: config.empty_object_for_unknown,
            max_body: config.max_body,
        };
        Ok(Core {
            api,
            store: store.clone(),
            interceptor,
            registry,
            metrics,
            hub,
            running,
            core_id: core_id.to_owned(),
        })
    }

    /// Where agents connect to.
    pub fn grpc_address(&self) -> SocketAddr {
        self.hub.address
    }

    /// Answers a request to `/armory/**` or `/agents/**`.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.api.handle(request).await
    }

    /// Looks at a write to `/credentials` before it is forwarded and journals what it intends.
    /// `None`: it cannot concern an account. `Err`: it is to be refused, for it cannot be journaled
    /// and `interceptor.strict` is on; else it goes on without a journal.
    pub async fn intercept(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Option<Interception>, NotJournaled> {
        match &self.interceptor {
            Some(interceptor) => interceptor.begin(method, path, headers, body).await,
            None => Ok(None),
        }
    }

    /// The largest body of a request to [`Core::handle`], in bytes; a larger one is answered 413.
    pub fn max_body(&self) -> usize {
        self.api.max_body
    }

    /// Whether a write to `/credentials` that cannot be journaled is to be refused.
    pub fn is_strict(&self) -> bool {
        self.interceptor
            .as_ref()
            .is_some_and(|interceptor| interceptor.is_strict())
    }

    /// All metrics in Prometheus' text format.
    pub async fn metrics(&self) -> String {
        let accounts = self.store.count_by_status().await;
        if let Err(error) = &accounts {
            tracing::warn!(
                error = causes(error),
                "accounts are as they were counted last"
            );
        }
        let agents = self.registry.connected().len();
        self.metrics.text(accounts.ok().as_deref(), agents)
    }

    /// `Err` with the reason when the core cannot serve now, such as a database that is away.
    pub async fn ready(&self) -> Result<(), String> {
        self.store.ping().await.map_err(|error| error.to_string())
    }

    /// Ends agents' sessions and every task, within a few seconds each.
    pub async fn shutdown(self) {
        if let Some(interceptor) = &self.interceptor {
            interceptor.shutdown().await;
        }
        self.hub.shutdown().await;
        self.running.shutdown().await;
        if let Err(error) = self.store.release_leases(&self.core_id).await {
            tracing::warn!(
                error = causes(&error),
                "another core scans when the lease is over"
            );
        }
        if let Err(error) = self.store.exit(&self.core_id).await {
            tracing::warn!(
                error = causes(&error),
                "other cores learn of the end by its lease"
            );
        }
        self.store.close().await;
    }
}

fn listening(grpc: GrpcServer) -> Listening {
    Listening {
        address: grpc.listen,
        max_message: grpc.max_inbound_message_size,
        tls: grpc.tls,
        admission: Admission {
            allow_plaintext: grpc.allow_plaintext,
            subjects: grpc.subjects,
            token: grpc.token.map(|token| match token {
                AgentToken::Text(text) => Token::Text(text),
                AgentToken::File(file) => Token::File(file),
            }),
        },
        keep_alive: grpc.keep_alive,
        keep_alive_timeout: grpc.keep_alive_timeout,
        health: grpc.health,
    }
}

/// This start among the cores of one database: the pod's name and the process, for people, and what
/// no other has, since pods of two clusters may have one name.
fn core_id() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "ferry".to_owned());
    let host: String = host.chars().take(200).collect();
    format!("{host}-{}-{}", std::process::id(), ulid::Ulid::new())
}

fn away(location: &Location) -> impl FnOnce(StoreError) -> StartError {
    let place = location.describe();
    move |source| StartError::Store { place, source }
}

/// What the configuration names; else a key beside an SQLite database, made with it.
fn keyring(config: &Config, location: &Location) -> Result<Keyring, SecretError> {
    let keyring = match (&config.key_file, location) {
        (Some(path), _) => Keyring::named(path)?,
        (None, Location::Sqlite(path)) => Keyring::beside(&path.with_extension("key"))?,
        (None, _) => Keyring::none(),
    };
    keyring.with_others(&config.other_key_files)
}

/// Clouddriver's account storage, and the accounts of its configuration.
async fn source(store: &Store, config: &Config, location: &Location) -> Result<Source, StartError> {
    let configured = configured(&config.accounts);
    if !config.has_storage && !configured.is_empty() {
        return Ok(Source::nowhere().with(configured));
    }
    let table = Source::table(store.pool()).await;
    let place = &config.place;
    let url = place.clouddriver_url.as_deref();
    let stored = match (table.map_err(|error| away(location)(error.into()))?, url) {
        (Some(table), _) => table,
        (None, Some(url)) => Source::rest(url, place.source_user.as_deref()),
        (None, None) if !configured.is_empty() => Source::nowhere(),
        (None, None) => return Err(StartError::NoSource),
    };
    Ok(stored.with(configured))
}

fn configured(accounts: &Accounts) -> Configured {
    let entries = accounts.entries.iter().cloned();
    let entries = entries.map(|entry| (entry.place, entry.definition, entry.wrong));
    let (configured, notes) = Configured::of(entries);
    for note in accounts.notes.iter().chain(&notes) {
        tracing::warn!("an account of Clouddriver's configuration cannot be migrated: {note}");
    }
    if !configured.is_empty() {
        let accounts = configured.len();
        tracing::info!(
            accounts,
            "Clouddriver's configuration has accounts that can be migrated"
        );
    }
    configured
}

fn rules(scan: &Scan, accounts: &Accounts) -> ScanRules {
    let patterns = |of, patterns: &[(String, regex::Regex)]| {
        let patterns = patterns.iter().cloned();
        patterns
            .map(|(text, regex)| Pattern { of, text, regex })
            .collect::<Vec<_>>()
    };
    let mut all = patterns(Origin::Stored, &scan.name_patterns);
    all.extend(patterns(Origin::Configured, &scan.credential_patterns));
    if accounts.entries.is_empty() && !scan.credential_patterns.is_empty() {
        tracing::warn!(
            "kubesvc.dynamicAccounts.credentialScanNamePatterns takes nothing: it is for accounts of \
             Clouddriver's configuration, and this one has none under kubernetes.accounts"
        );
    }
    ScanRules {
        enabled: scan.enabled,
        patterns: all,
        batch_size: scan.batch_size,
        frequency: scan.frequency,
    }
}
