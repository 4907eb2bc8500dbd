//! Where a test lets the core die: before and after every SQL write, send and reply.

#[cfg(not(test))]
pub(crate) use ferry_failpoint::hit;
#[cfg(test)]
pub(crate) use test_fuse::hit;

#[cfg(test)]
pub(crate) mod test_fuse;

ferry_failpoint::failpoints! {
    /// Before the tables are locked to be brought up to date.
    LOCK_BEFORE = "core.store.lock.before";
    /// After the tables were locked.
    LOCK_AFTER = "core.store.lock.after";
    /// Before the history of migrations is made.
    HISTORY_BEFORE = "core.store.history.before";
    /// After the history of migrations was made.
    HISTORY_AFTER = "core.store.history.after";
    /// Before what an earlier start left half done is forgotten; on MySQL alone.
    UNDONE_BEFORE = "core.store.undone.before";
    /// After what an earlier start left half done was forgotten.
    UNDONE_AFTER = "core.store.undone.after";
    /// Before a statement that makes or alters a table.
    MIGRATE_BEFORE = "core.store.migrate.before";
    /// After a statement that makes or alters a table.
    MIGRATE_AFTER = "core.store.migrate.after";
    /// Before a table of Armory's plugin is altered.
    RESHAPE_BEFORE = "core.store.reshape.before";
    /// After it was altered; on MySQL, after the first statement that does.
    RESHAPE_AFTER = "core.store.reshape.after";
    /// Before the fingerprint of a secret that is referred to is kept.
    REFERENCE_BEFORE = "core.store.reference.before";
    /// After the fingerprint of a secret that is referred to was kept.
    REFERENCE_AFTER = "core.store.reference.after";
    /// Before the secret of an account that refers to none any longer is forgotten.
    FORGET_BEFORE = "core.store.forget.before";
    /// After the secret of an account that refers to none any longer was forgotten.
    FORGET_AFTER = "core.store.forget.after";
    /// Before a core says which keys it has.
    KEYS_BEFORE = "core.store.keys.before";
    /// After a core said which keys it has.
    KEYS_AFTER = "core.store.keys.after";
    /// Before secrets are sealed with another key.
    RESEAL_BEFORE = "core.store.reseal.before";
    /// After secrets were sealed with another key.
    RESEAL_AFTER = "core.store.reseal.after";
    /// Before references are taken to be looked at.
    LOOK_BEFORE = "core.store.look.before";
    /// After references were taken to be looked at.
    LOOK_AFTER = "core.store.look.after";
    /// Before rows of Armory's plugin become ours.
    ADOPT_BEFORE = "core.store.adopt.before";
    /// After rows of Armory's plugin became ours.
    ADOPT_AFTER = "core.store.adopt.after";
    /// Before a core that starts is entered, and what an earlier one left is taken over.
    ENTER_BEFORE = "core.store.enter.before";
    /// After a core that starts was entered.
    ENTER_AFTER = "core.store.enter.after";
    /// Before this core's lease is renewed.
    SEEN_BEFORE = "core.store.seen.before";
    /// After this core's lease was renewed.
    SEEN_AFTER = "core.store.seen.after";
    /// Before a core that ends in order is removed.
    EXIT_BEFORE = "core.store.exit.before";
    /// After a core that ends in order was removed.
    EXIT_AFTER = "core.store.exit.after";
    /// Before a message for another core's agent is recorded as sent.
    SENT_BEFORE = "core.store.sent.before";
    /// After a message for another core's agent was recorded as sent.
    SENT_AFTER = "core.store.sent.after";
    /// Before the end of an agent's connection is asked for.
    EVICT_BEFORE = "core.store.evict.before";
    /// After the end of an agent's connection was asked for.
    EVICT_AFTER = "core.store.evict.after";
    /// Before connections that were asked to be ended are forgotten.
    EVICTED_BEFORE = "core.store.evicted.before";
    /// After connections that were asked to be ended were forgotten.
    EVICTED_AFTER = "core.store.evicted.after";
    /// Before a row is made.
    CREATE_BEFORE = "core.store.create.before";
    /// After a row was made.
    CREATE_AFTER = "core.store.create.after";
    /// Before a step is written.
    STEP_BEFORE = "core.store.step.before";
    /// After a step was written, before its messages are sent.
    STEP_AFTER = "core.store.step.after";
    /// Before an agent's registration is written.
    REGISTER_BEFORE = "core.store.register.before";
    /// After an agent's registration was written.
    REGISTER_AFTER = "core.store.register.after";
    /// Before an agent's report is written.
    REPORT_BEFORE = "core.store.report.before";
    /// After an agent's report was written.
    REPORT_AFTER = "core.store.report.after";
    /// Before the end of an agent's connection is written.
    LEAVE_BEFORE = "core.store.leave.before";
    /// After the end of an agent's connection was written.
    LEAVE_AFTER = "core.store.leave.after";
    /// Before holdings whose lease is over are removed.
    EXPIRE_BEFORE = "core.store.expire.before";
    /// After holdings whose lease is over were removed.
    EXPIRE_AFTER = "core.store.expire.after";
    /// Before an intent is journaled.
    INTENT_BEFORE = "core.store.intent.before";
    /// After an intent was journaled.
    INTENT_AFTER = "core.store.intent.after";
    /// Before an intent is marked as accepted.
    ACCEPT_BEFORE = "core.store.accept.before";
    /// After an intent was marked as accepted.
    ACCEPT_AFTER = "core.store.accept.after";
    /// Before a write's references to secrets are kept, or another's are replaced.
    WRITTEN_BEFORE = "core.store.written.before";
    /// After a write's references to secrets were kept.
    WRITTEN_AFTER = "core.store.written.after";
    /// Before references are forgotten that were overwritten behind our back.
    UNWRITE_BEFORE = "core.store.unwrite.before";
    /// After references were forgotten that were overwritten behind our back.
    UNWRITE_AFTER = "core.store.unwrite.after";
    /// Before an intent is closed.
    CLOSE_BEFORE = "core.store.close.before";
    /// After an intent was closed.
    CLOSE_AFTER = "core.store.close.after";
    /// Before the key of a request is claimed.
    KEY_BEFORE = "core.store.key.before";
    /// After the key of a request was claimed.
    KEY_AFTER = "core.store.key.after";
    /// Before it is kept which accounts a request with a key is about.
    MEANT_BEFORE = "core.store.meant.before";
    /// After it was kept which accounts a request with a key is about.
    MEANT_AFTER = "core.store.meant.after";
    /// Before the answer to a request with a key is kept.
    ANSWER_BEFORE = "core.store.answer.before";
    /// After the answer to a request with a key was kept.
    ANSWER_AFTER = "core.store.answer.after";
    /// Before another core's agent is asked to try an account.
    TRY_BEFORE = "core.store.try.before";
    /// After another core's agent was asked to try an account.
    TRY_AFTER = "core.store.try.after";
    /// Before another core is told what an agent of this one met.
    TRIED_BEFORE = "core.store.tried.before";
    /// After another core was told what an agent of this one met.
    TRIED_AFTER = "core.store.tried.after";
    /// Before what other cores were asked is removed.
    TRIAL_END_BEFORE = "core.store.trial-end.before";
    /// After what other cores were asked was removed.
    TRIAL_END_AFTER = "core.store.trial-end.after";
    /// Before a lease is taken or renewed.
    LEASE_BEFORE = "core.store.lease.before";
    /// After a lease was taken or renewed.
    LEASE_AFTER = "core.store.lease.after";
    /// Before a core gives its leases up.
    RELEASE_BEFORE = "core.store.release.before";
    /// After a core gave its leases up.
    RELEASE_AFTER = "core.store.release.after";
    /// Before rows are marked as gone from the source, or as there again.
    GONE_BEFORE = "core.store.gone.before";
    /// After rows were marked as gone from the source, or as there again.
    GONE_AFTER = "core.store.gone.after";
    /// Before accounts that are left to Clouddriver are marked.
    BURY_BEFORE = "core.store.bury.before";
    /// After accounts that are left to Clouddriver were marked.
    BURY_AFTER = "core.store.bury.after";
    /// Before marks of deleted accounts are cleared.
    UNBURY_BEFORE = "core.store.unbury.before";
    /// After marks of deleted accounts were cleared.
    UNBURY_AFTER = "core.store.unbury.after";
    /// Before old rows of the audit and of the history of operations are removed.
    PURGE_BEFORE = "core.store.purge.before";
    /// After they were removed.
    PURGE_AFTER = "core.store.purge.after";
    /// Before an agent is answered Registered.
    REGISTERED_BEFORE = "core.send.registered.before";
    /// After an agent was answered Registered.
    REGISTERED_AFTER = "core.send.registered.after";
    /// Before an agent is refused.
    REFUSE_BEFORE = "core.send.refuse.before";
    /// After an agent was refused.
    REFUSE_AFTER = "core.send.refuse.after";
    /// Before SaveAccounts is sent.
    SAVE_BEFORE = "core.send.save.before";
    /// After SaveAccounts was sent.
    SAVE_AFTER = "core.send.save.after";
    /// Before DeleteAccounts is sent.
    DELETE_BEFORE = "core.send.delete.before";
    /// After DeleteAccounts was sent.
    DELETE_AFTER = "core.send.delete.after";
    /// Before an agent is asked to try an account.
    PROBE_BEFORE = "core.send.probe.before";
    /// After an agent was asked to try an account.
    PROBE_AFTER = "core.send.probe.after";
    /// Before a heartbeat is answered.
    HEARTBEAT_BEFORE = "core.send.heartbeat.before";
    /// After a heartbeat was answered.
    HEARTBEAT_AFTER = "core.send.heartbeat.after";
}
