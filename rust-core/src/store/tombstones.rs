//! Marks of accounts that were deleted here while Clouddriver has them: the scan does not take them
//! again. A POST of the name clears its mark, and so does the scan when the source has it no longer.

use super::StoreError;
use crate::account::step::Tombstone;
use crate::sql::{CHUNK, Tx, sql};

pub(super) async fn write(
    tx: &mut Tx,
    name: &str,
    tombstone: Tombstone,
    who: &str,
    now: i64,
) -> Result<(), StoreError> {
    match tombstone {
        Tombstone::Stays => Ok(()),
        Tombstone::Cleared => clear(tx, &[name]).await,
        Tombstone::Laid => {
            let write = tx.dialect().or_update("name", &["who", "laid_at"]);
            let lay = sql(format!(
                "INSERT INTO kubesvc_ferry_tombstones (name, who, laid_at) VALUES (?, ?, ?) {write}"
            ));
            lay.texts([name, who]).number(now).run(tx).await?;
            Ok(())
        }
    }
}

pub(super) async fn clear(tx: &mut Tx, names: &[&str]) -> Result<(), StoreError> {
    for names in names.chunks(CHUNK) {
        let clear = sql("DELETE FROM kubesvc_ferry_tombstones WHERE name IN");
        clear.list(names).run(tx).await?;
    }
    Ok(())
}
