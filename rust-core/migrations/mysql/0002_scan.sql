-- What an intercepted write brought while the row of that name is being deleted: the row that follows
-- begins with it.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_next (
    name                 VARCHAR(255) NOT NULL PRIMARY KEY,
    -- INACTIVE, or ACTIVE when the row is to go on to it at once.
    wanted               VARCHAR(255) NOT NULL,
    definition           LONGTEXT     NOT NULL,
    secret               LONGBLOB,
    secret_key_id        VARCHAR(255)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Rows that Clouddriver's accounts are not the source of, for now or by design.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_origins (
    name                 VARCHAR(255) NOT NULL PRIMARY KEY,
    -- 1: its definition came with a request of ours, and is kept here alone.
    inline_definition    BIGINT       NOT NULL,
    -- Since when Clouddriver has had no account of this name, as far as the scan saw; none: it has.
    gone_at              BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Accounts that were deleted here while Clouddriver has them: the scan does not take them again.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_tombstones (
    name                 VARCHAR(255) NOT NULL PRIMARY KEY,
    who                  VARCHAR(255) NOT NULL,
    laid_at              BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What one core at a time does.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_leases (
    name                 VARCHAR(255) NOT NULL PRIMARY KEY,
    core_id              VARCHAR(255) NOT NULL,
    until_at             BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
