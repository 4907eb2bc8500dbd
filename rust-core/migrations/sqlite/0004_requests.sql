-- Times are Unix milliseconds: those of evictions and answers by the database's clock.

-- Connections of agents that are to be ended by the core that has them.
CREATE TABLE kubesvc_ferry_evictions (
    agent_id             TEXT NOT NULL PRIMARY KEY,
    session_id           TEXT NOT NULL
) STRICT;

-- What agents were told to do and what came of it: one row for each agent and account.
CREATE TABLE kubesvc_ferry_operations (
    -- A ULID: ids sort by time.
    id                   TEXT NOT NULL PRIMARY KEY,
    account              TEXT NOT NULL,
    agent_id             TEXT NOT NULL,
    -- SaveAccounts or DeleteAccounts.
    operation            TEXT NOT NULL,
    generation           INTEGER NOT NULL,
    -- The core that took the step, and the one that the agent is connected to.
    received_by          TEXT NOT NULL,
    received_at          INTEGER NOT NULL,
    sent_by              TEXT,
    sent_at              INTEGER,
    -- The core that the agent reported to.
    reported_to          TEXT,
    ended_at             INTEGER,
    -- completed, failed, or superseded by a later one.
    outcome              TEXT
) STRICT;
CREATE INDEX kubesvc_ferry_operations_account ON kubesvc_ferry_operations (account, agent_id);
CREATE INDEX kubesvc_ferry_operations_agent ON kubesvc_ferry_operations (agent_id, ended_at);

-- Answers to requests with an Idempotency-Key.
CREATE TABLE kubesvc_ferry_answers (
    -- SHA-256 of the user and the key.
    id                   TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of method, target and body.
    request              TEXT NOT NULL,
    asked_at             INTEGER NOT NULL,
    -- None: it is still being answered.
    status               INTEGER,
    body                 TEXT
) STRICT;
CREATE INDEX kubesvc_ferry_answers_asked ON kubesvc_ferry_answers (asked_at);
