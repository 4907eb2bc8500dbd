-- Accounts' namespaces, as agents saw them last.
CREATE TABLE kubesvc_ferry_namespaces (
    account              TEXT    NOT NULL,
    -- The agent whose own configuration brings the account; empty: it has a row here.
    brought_by           TEXT    NOT NULL,
    -- A JSON array.
    names                TEXT    NOT NULL,
    -- How many there are; more than names when those are the first alone.
    total                INTEGER NOT NULL,
    PRIMARY KEY (account, brought_by)
) STRICT;
CREATE INDEX kubesvc_ferry_namespaces_brought_by ON kubesvc_ferry_namespaces (brought_by);
