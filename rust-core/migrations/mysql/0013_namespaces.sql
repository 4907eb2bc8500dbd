-- Accounts' namespaces, as agents saw them last.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_namespaces (
    account              VARCHAR(255) NOT NULL,
    -- The agent whose own configuration brings the account; empty: it has a row here.
    brought_by           VARCHAR(255) NOT NULL,
    -- A JSON array.
    names                LONGTEXT     NOT NULL,
    -- How many there are; more than names when those are the first alone.
    total                BIGINT       NOT NULL,
    PRIMARY KEY (account, brought_by),
    INDEX kubesvc_ferry_namespaces_brought_by (brought_by)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
