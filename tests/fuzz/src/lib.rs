//! A running core for the targets that need one: on an embedded database that also has
//! Clouddriver's table `accounts`, with a token planted in it that no answer may hold.

use ferry_core::Core;
use ferry_sidecar::Settings;
use sqlx::{Connection, SqliteConnection};
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What must be in no answer.
pub const PLANTED: &str = "planted-token-7f3a9c51e8d2";

/// The core and what keeps it alive.
pub struct Ground {
    /// The core.
    pub core: Core,
    /// Where to wait for it.
    pub runtime: Runtime,
    _folder: TempDir,
}

/// The one core of this process.
pub fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let folder = in_memory();
        let database = folder.path().join("ferry.db");
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(clouddriver(&database));
        let file = folder.path().join("sidecar.yml");
        let text = format!(
            "sidecar:\n  database: {}\nkubesvc:\n  grpc:\n    server:\n      address: 127.0.0.1\n      \
             port: 0\n",
            database.display()
        );
        std::fs::write(&file, text).expect("the folder can be written");
        let (settings, _) = Settings::read(Some(&file), []).expect("the settings are right");
        let core = runtime.block_on(Core::start(settings.core));
        Ground {
            core: core.expect("the core starts"),
            runtime,
            _folder: folder,
        }
    })
}

/// A folder that costs no disk: every input may write.
pub fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a temporary folder")
}

/// Clouddriver's table with a few accounts.
async fn clouddriver(database: &Path) {
    let url = format!("sqlite:{}?mode=rwc", database.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a database");
    let made = sqlx::query(
        "CREATE TABLE accounts (id VARCHAR(255) PRIMARY KEY, type VARCHAR(50), body TEXT, \
         created_at BIGINT, last_modified_at BIGINT, last_modified_by VARCHAR(255))",
    );
    made.execute(&mut connection).await.expect("the table");
    for name in ["a", "b", "acc-1"] {
        let body = serde_json::json!({
            "@type": "kubernetes", "name": name, "kubeconfigContents": kubeconfig(),
        });
        sqlx::query("INSERT INTO accounts VALUES (?, 'kubernetes', ?, 1, 1, 'fuzz')")
            .bind(name)
            .bind(body.to_string())
            .execute(&mut connection)
            .await
            .expect("the account");
    }
    connection.close().await.expect("it closes");
}

fn kubeconfig() -> String {
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "it", "user": {"token": PLANTED}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    })
    .to_string()
}
