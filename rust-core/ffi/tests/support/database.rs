//! Clouddriver's database, as far as a core looks at it: the table of accounts.

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::path::{Path, PathBuf};

/// Makes the database in `folder`. Its table of accounts is a view: it has an account from when a
/// write of it is announced, just as if Clouddriver had then carried it out.
pub fn clouddriver_database(folder: &Path) -> PathBuf {
    let path = folder.join("clouddriver.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        let view = "CREATE VIEW accounts AS SELECT account AS id, 'kubernetes' AS type,
                    '{\"kubeconfigContents\": \"apiVersion: v1\"}' AS body
                    FROM kubesvc_ferry_intents";
        sqlx::query(view).execute(&mut connection).await.unwrap();
    });
    path
}
