//! MySQL and MariaDB make tables outside of transactions: what a start leaves half done when it dies
//! is taken up by the next.

use super::*;

#[tokio::test]
async fn a_start_that_died_while_it_made_tables_is_repeated() {
    let base = Base::open(DATABASE).await;
    base.row("kept").await;
    let schema = base.schema.as_ref().unwrap();
    schema.query(
        "DROP TABLE kubesvc_ferry_audit, kubesvc_ferry_holdings;
         UPDATE kubesvc_ferry_migrations SET success = FALSE",
    );
    let base = base.reopen().await;
    base.hold("kept", &["agent"], HoldingState::Pending).await;
}
