-- What an intercepted write brought while the row of that name is being deleted: the row that follows
-- begins with it.
CREATE TABLE kubesvc_ferry_next (
    name                 VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    -- INACTIVE, or ACTIVE when the row is to go on to it at once.
    wanted               VARCHAR(255) NOT NULL,
    definition           TEXT         NOT NULL,
    secret               BYTEA,
    secret_key_id        VARCHAR(255)
);

-- Rows that Clouddriver's accounts are not the source of, for now or by design.
CREATE TABLE kubesvc_ferry_origins (
    name                 VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    -- 1: its definition came with a request of ours, and is kept here alone.
    inline_definition    BIGINT       NOT NULL,
    -- Since when Clouddriver has had no account of this name, as far as the scan saw; none: it has.
    gone_at              BIGINT
);

-- Accounts that were deleted here while Clouddriver has them: the scan does not take them again.
CREATE TABLE kubesvc_ferry_tombstones (
    name                 VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    who                  VARCHAR(255) NOT NULL,
    laid_at              BIGINT       NOT NULL
);

-- What one core at a time does.
CREATE TABLE kubesvc_ferry_leases (
    name                 VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    core_id              VARCHAR(255) NOT NULL,
    until_at             BIGINT       NOT NULL
);
