-- What agents were told about accounts, and what came of it. Nothing is decided by it.
CREATE TABLE kubesvc_ferry_operations (
    -- A ULID: ids sort by time.
    id                   TEXT         NOT NULL PRIMARY KEY,
    account              TEXT         NOT NULL,
    agent_id             TEXT         NOT NULL,
    operation            TEXT         NOT NULL,
    generation           INTEGER      NOT NULL,
    -- The core whose step it is part of.
    received_by          TEXT         NOT NULL,
    received_at          INTEGER      NOT NULL,
    -- The core that sent it to the agent; none: it has not been sent.
    sent_by              TEXT,
    sent_at              INTEGER,
    -- None: it is under way.
    ended_at             INTEGER,
    outcome              TEXT,
    -- The core that the agent answered to.
    reported_to          TEXT
) STRICT;
CREATE INDEX kubesvc_ferry_operations_open
    ON kubesvc_ferry_operations (agent_id, ended_at, account);
