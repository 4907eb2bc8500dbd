//! What one core asks another's agent to try: a row with the account, its secrets sealed, which the
//! core that has the agent answers, and who asked removes. What nobody removed goes by age.
//!
//! `lifecycle` calls it. Nothing here is about the state of an account.

use super::steps::next_id;
use super::{Content, Store, StoreError, failpoint, transaction};
use crate::secret::Sealed;
use crate::sql::{CHUNK, Record, Value, insert, sql};

/// How long a question is left, in milliseconds: longer than it is waited for.
const LEFT: i64 = 60_000;

/// An account that an agent is to try.
#[derive(Debug)]
pub struct Probe {
    /// Its id.
    pub id: String,
    /// Who is to try it.
    pub agent_id: String,
    /// The account.
    pub account: String,
    /// A path at the agent that goes before the definition.
    pub kubeconfig_file: Option<String>,
    /// The definition.
    pub content: Content,
}

impl Store {
    /// Asks the core that has this agent to have it try an account; answers the question's id.
    pub async fn ask_probe(
        &self,
        agent_id: &str,
        account: &str,
        kubeconfig_file: Option<&str>,
        content: &Content,
    ) -> Result<String, StoreError> {
        transaction!(self, failpoint::TRY_BEFORE, failpoint::TRY_AFTER, |tx| {
            let now = tx.now().await?;
            let id = next_id(now);
            let secret = content.secret.as_ref();
            let row = [
                Value::text(id.as_str()),
                Value::text(agent_id),
                Value::text(account),
                Value::text(kubeconfig_file),
                Value::text(content.definition.as_str()),
                Value::Bytes(secret.map(|sealed| sealed.bytes.clone())),
                Value::text(secret.map(|sealed| sealed.key_id.as_str())),
                Value::number(now),
            ];
            let columns = [
                "id",
                "agent_id",
                "account",
                "kubeconfig_file",
                "definition",
                "secret",
                "secret_key_id",
                "asked_at",
            ];
            insert(&mut tx, "kubesvc_ferry_probes", columns, vec![row]).await?;
            id
        })
    }

    /// The questions that nobody has answered. Those that nobody waits for any longer are removed.
    pub async fn probes(&self) -> Result<Vec<Probe>, StoreError> {
        let mut tx = self.pool.read().await?;
        let now = tx.now().await?;
        let rows = sql("SELECT * FROM kubesvc_ferry_probes")
            .all(&mut tx)
            .await?;
        tx.commit().await?;
        let (mut probes, mut old) = (Vec::new(), Vec::new());
        for row in &rows {
            let (asked_at, answer): (i64, Option<Vec<u8>>) =
                (row.get("asked_at")?, row.get("answer")?);
            match answer {
                _ if asked_at <= now - LEFT => old.push(row.get("id")?),
                None => probes.push(read(row)?),
                Some(_) => {}
            }
        }
        for ids in old.chunks(CHUNK) {
            self.end_probes(ids).await?;
        }
        Ok(probes)
    }

    /// Answers a question, for whoever still waits.
    pub async fn answer_probe(&self, id: &str, answer: Vec<u8>) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::TRIED_BEFORE,
            failpoint::TRIED_AFTER,
            |tx| {
                let write = sql("UPDATE kubesvc_ferry_probes SET answer = ? WHERE id = ?");
                let write = write.bytes(Some(answer.clone())).text(id);
                write.run(&mut tx).await?;
            }
        )
    }

    /// The answer, once there is one.
    pub async fn probe_answer(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.pool.read().await?;
        let row = sql("SELECT answer FROM kubesvc_ferry_probes WHERE id = ?");
        let row = row.text(id).optional(&mut tx).await?;
        tx.commit().await?;
        Ok(match row {
            Some(row) => row.get("answer")?,
            None => None,
        })
    }

    /// Removes questions.
    pub async fn end_probes(&self, ids: &[String]) -> Result<(), StoreError> {
        transaction!(
            self,
            failpoint::TRIAL_END_BEFORE,
            failpoint::TRIAL_END_AFTER,
            |tx| {
                let remove = sql("DELETE FROM kubesvc_ferry_probes WHERE id IN");
                remove.list(ids).run(&mut tx).await?;
            }
        )
    }
}

fn read(row: &Record) -> Result<Probe, StoreError> {
    let bytes: Option<Vec<u8>> = row.get("secret")?;
    let key_id: Option<String> = row.get("secret_key_id")?;
    let secret = bytes.zip(key_id);
    Ok(Probe {
        id: row.get("id")?,
        agent_id: row.get("agent_id")?,
        account: row.get("account")?,
        kubeconfig_file: row.get("kubeconfig_file")?,
        content: Content {
            definition: row.get("definition")?,
            secret: secret.map(|(bytes, key_id)| Sealed { key_id, bytes }),
            inline: false,
        },
    })
}
