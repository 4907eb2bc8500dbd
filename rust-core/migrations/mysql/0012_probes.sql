-- What a core wants another's agent to try, for as long as it waits for the answer.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_probes (
    -- A ULID: ids sort by time.
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    agent_id             VARCHAR(255) NOT NULL,
    account              VARCHAR(255) NOT NULL,
    -- A path at the agent, from a request.
    kubeconfig_file      LONGTEXT,
    -- JSON, without secrets.
    definition           LONGTEXT NOT NULL,
    -- The secrets as ciphertext, and the id of its key.
    secret               LONGBLOB,
    secret_key_id        VARCHAR(255),
    asked_at             BIGINT NOT NULL,
    -- NULL: it has not been tried to its end.
    answer               LONGBLOB
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
