//! What SQL says at the end of a walk, and what it is made to say on the way.

use super::Walk;
use sqlx::Row;

impl Walk {
    /// What SQL says in the end: nothing open, each account taken exactly once.
    pub(super) fn tables(&mut self, good: &str, dead: &str, refused: &str) -> Result<(), String> {
        self.until(
            |walk| match walk.count("SELECT COUNT(*) FROM kubesvc_ferry_intents", "") {
                0 => Ok(()),
                open => Err(format!("{open} writes are still open")),
            },
        )?;
        let evictions = "SELECT COUNT(*) FROM kubesvc_ferry_evictions";
        self.until(|walk| match walk.count(evictions, "") {
            0 => Ok(()),
            left => Err(format!("{left} connections are still to be ended")),
        })?;
        let taken =
            "SELECT COUNT(*) FROM kubesvc_ferry_audit WHERE event = 'Adopt' AND account = ?";
        let counts = [good, dead, refused].map(|name| self.count(taken, name));
        if counts != [1, 1, 0] {
            return Err(format!(
                "taken {counts:?} times instead of once, once and never"
            ));
        }
        Ok(())
    }

    pub(super) fn count(&self, sql: &'static str, name: &str) -> i64 {
        self.pair.at_tables(async |connection| {
            let query = sqlx::query(sql);
            let query = if name.is_empty() {
                query
            } else {
                query.bind(name)
            };
            query.fetch_one(connection).await.unwrap().get(0)
        })
    }

    /// Changes what the tables say of `name`.
    pub(super) fn change(&self, sql: &'static str, name: &str) {
        self.pair.at_tables(async |connection| {
            let query = sqlx::query(sql).bind(name);
            query.execute(connection).await.unwrap();
        });
    }
}
