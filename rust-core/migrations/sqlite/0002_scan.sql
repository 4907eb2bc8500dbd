-- What an intercepted write brought while the row of that name is being deleted: the row that follows
-- begins with it.
CREATE TABLE kubesvc_ferry_next (
    name                 TEXT         NOT NULL PRIMARY KEY,
    -- INACTIVE, or ACTIVE when the row is to go on to it at once.
    wanted               TEXT         NOT NULL,
    definition           TEXT         NOT NULL,
    secret               BLOB,
    secret_key_id        TEXT
) STRICT;

-- Rows that Clouddriver's accounts are not the source of, for now or by design.
CREATE TABLE kubesvc_ferry_origins (
    name                 TEXT         NOT NULL PRIMARY KEY,
    -- 1: its definition came with a request of ours, and is kept here alone.
    inline_definition    INTEGER      NOT NULL,
    -- Since when Clouddriver has had no account of this name, as far as the scan saw; none: it has.
    gone_at              INTEGER
) STRICT;

-- Accounts that were deleted here while Clouddriver has them: the scan does not take them again.
CREATE TABLE kubesvc_ferry_tombstones (
    name                 TEXT         NOT NULL PRIMARY KEY,
    who                  TEXT         NOT NULL,
    laid_at              INTEGER      NOT NULL
) STRICT;

-- What one core at a time does.
CREATE TABLE kubesvc_ferry_leases (
    name                 TEXT         NOT NULL PRIMARY KEY,
    core_id              TEXT         NOT NULL,
    until_at             INTEGER      NOT NULL
) STRICT;
