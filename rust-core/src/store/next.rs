//! What an intercepted write brought while the row of that name is being deleted: kept beside the
//! row, and what the row that follows begins with. `steps` writes it in the transaction of the step.

use super::StoreError;
use super::rows::Content;
use crate::account::View;
use crate::account::state::Wanted;
use crate::account::step::Step;
use crate::sql::{Tx, sql};

/// What is kept for `name`: what the row that follows goes on to.
pub(super) async fn kept(tx: &mut Tx, name: &str) -> Result<Option<Wanted>, StoreError> {
    let row = sql("SELECT wanted FROM kubesvc_ferry_next WHERE name = ?");
    let row = row.text(name).optional(tx).await?;
    row.map(|row| super::word(&row, "kubesvc_ferry_next", name, "wanted"))
        .transpose()
}

/// Keeps `content`, or gives what was kept to the row that begins, or forgets it: as `step` says.
pub(super) async fn write(
    tx: &mut Tx,
    view: &View,
    step: &Step,
    content: Option<&Content>,
) -> Result<(), StoreError> {
    let name = view.account.name.as_str();
    let next = step.account.as_ref().and_then(|account| account.next);
    if let (Some(wanted), Some(content)) = (next, content) {
        return keep(tx, name, wanted, content).await;
    }
    if view.account.next.is_none() || next.is_some() {
        return Ok(());
    }
    if step.begins(view) {
        let kept = "FROM kubesvc_ferry_next WHERE name = ?";
        let begin = sql(format!(
            "UPDATE kubesvc_accounts SET definition = (SELECT definition {kept}),
             secret = (SELECT secret {kept}), secret_key_id = (SELECT secret_key_id {kept})
             WHERE name = ?"
        ));
        begin.texts([name; 4]).run(tx).await?;
    }
    let forget = sql("DELETE FROM kubesvc_ferry_next WHERE name = ?");
    forget.text(name).run(tx).await?;
    Ok(())
}

async fn keep(
    tx: &mut Tx,
    name: &str,
    wanted: Wanted,
    content: &Content,
) -> Result<(), StoreError> {
    let columns = ["wanted", "definition", "secret", "secret_key_id"];
    let write = tx.dialect().or_update("name", &columns);
    let keep = sql(format!(
        "INSERT INTO kubesvc_ferry_next (name, wanted, definition, secret, secret_key_id)
         VALUES (?, ?, ?, ?, ?) {write}"
    ));
    let secret = content.secret.as_ref();
    keep.texts([name, wanted.as_str(), &content.definition])
        .bytes(secret.map(|sealed| sealed.bytes.clone()))
        .text(secret.map(|sealed| sealed.key_id.as_str()))
        .run(tx)
        .await?;
    Ok(())
}
