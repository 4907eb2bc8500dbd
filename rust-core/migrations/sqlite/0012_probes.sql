-- What a core wants another's agent to try, for as long as it waits for the answer.
CREATE TABLE kubesvc_ferry_probes (
    -- A ULID: ids sort by time.
    id                   TEXT NOT NULL PRIMARY KEY,
    agent_id             TEXT NOT NULL,
    account              TEXT NOT NULL,
    -- A path at the agent, from a request.
    kubeconfig_file      TEXT,
    -- JSON, without secrets.
    definition           TEXT NOT NULL,
    -- The secrets as ciphertext, and the id of its key.
    secret               BLOB,
    secret_key_id        TEXT,
    asked_at             INTEGER NOT NULL,
    -- NULL: it has not been tried to its end.
    answer               BLOB
) STRICT;
