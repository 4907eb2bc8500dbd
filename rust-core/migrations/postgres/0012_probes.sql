-- What a core wants another's agent to try, for as long as it waits for the answer.
CREATE TABLE kubesvc_ferry_probes (
    -- A ULID: ids sort by time.
    id                   VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    agent_id             VARCHAR(255) NOT NULL,
    account              VARCHAR(255) NOT NULL,
    -- A path at the agent, from a request.
    kubeconfig_file      TEXT,
    -- JSON, without secrets.
    definition           TEXT NOT NULL,
    -- The secrets as ciphertext, and the id of its key.
    secret               BYTEA,
    secret_key_id        VARCHAR(255),
    asked_at             BIGINT NOT NULL,
    -- NULL: it has not been tried to its end.
    answer               BYTEA
);
