//! How long the database is waited for. One that vanishes without a word, as in a failover or behind a
//! firewall, leaves connections on which nothing comes any more, and TCP waits there for a quarter of an
//! hour or without end. So every wait has a bound: a statement's is in `transaction`, that of what brings the
//! tables up to date in `store::migrate`.

use super::Dialect;
use std::io;
use std::time::Duration;

/// How long one answer is waited for. A statement takes a second with 100,000 accounts, and waits as long
/// for a row that another transaction has; half of the deadline that accounts have by default is left for
/// another try.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);

/// Nothing came in time.
#[derive(Debug, thiserror::Error)]
#[error("{database} did not answer within {within:?}: {asked}")]
struct NoAnswer {
    database: &'static str,
    asked: String,
    within: Duration,
}

/// That `asked` was not answered in time. It is shown: it has no value of a statement.
pub(super) fn no_answer(database: Dialect, asked: &str, within: Duration) -> sqlx::Error {
    let error = NoAnswer {
        database: database.name(),
        asked: asked.to_owned(),
        within,
    };
    io::Error::new(io::ErrorKind::TimedOut, error).into()
}

/// What the database answers to `asked` within this time.
pub(crate) async fn within<T, E: From<sqlx::Error>>(
    time: Duration,
    database: Dialect,
    asked: &str,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(time, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(no_answer(database, asked, time).into()),
    }
}
