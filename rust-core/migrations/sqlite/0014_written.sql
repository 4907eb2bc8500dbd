-- What the write says, where it has references to secrets that Clouddriver's API does not show: JSON, and
-- no secret.
ALTER TABLE kubesvc_ferry_intents ADD COLUMN definition TEXT;
-- The last write of each account that was written with such references.
CREATE TABLE kubesvc_ferry_written (
    account              TEXT NOT NULL PRIMARY KEY,
    -- The write, and when it began.
    intent               TEXT NOT NULL,
    begun_at             INTEGER NOT NULL,
    -- Its top-level fields, as the journal has them; empty: it deleted the account.
    body_fields          TEXT NOT NULL,
    -- None: it has no such references.
    definition           TEXT,
    written_at           INTEGER NOT NULL
) STRICT;
