-- Accounts' namespaces, as agents saw them last.
CREATE TABLE kubesvc_ferry_namespaces (
    account              VARCHAR(255) COLLATE "C" NOT NULL,
    -- The agent whose own configuration brings the account; empty: it has a row here.
    brought_by           VARCHAR(255) COLLATE "C" NOT NULL,
    -- A JSON array.
    names                TEXT         NOT NULL,
    -- How many there are; more than names when those are the first alone.
    total                BIGINT       NOT NULL,
    PRIMARY KEY (account, brought_by)
);
CREATE INDEX kubesvc_ferry_namespaces_brought_by ON kubesvc_ferry_namespaces (brought_by);
