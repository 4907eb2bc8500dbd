-- Times are Unix milliseconds: those of evictions and answers by the database's clock. A statement may be repeated:
-- making tables is no part of a transaction here.

-- Connections of agents that are to be ended by the core that has them.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_evictions (
    agent_id             VARCHAR(255) NOT NULL PRIMARY KEY,
    session_id           VARCHAR(255) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What agents were told to do and what came of it: one row for each agent and account.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_operations (
    -- A ULID: ids sort by time.
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    account              VARCHAR(255) NOT NULL,
    agent_id             VARCHAR(255) NOT NULL,
    -- SaveAccounts or DeleteAccounts.
    operation            VARCHAR(255) NOT NULL,
    generation           BIGINT NOT NULL,
    -- The core that took the step, and the one that the agent is connected to.
    received_by          VARCHAR(255) NOT NULL,
    received_at          BIGINT NOT NULL,
    sent_by              VARCHAR(255),
    sent_at              BIGINT,
    -- The core that the agent reported to.
    reported_to          VARCHAR(255),
    ended_at             BIGINT,
    -- completed, failed, or superseded by a later one.
    outcome              VARCHAR(255),
    INDEX kubesvc_ferry_operations_account (account, agent_id),
    INDEX kubesvc_ferry_operations_agent (agent_id, ended_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Answers to requests with an Idempotency-Key.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_answers (
    -- SHA-256 of the user and the key.
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    -- SHA-256 of method, target and body.
    request              VARCHAR(255) NOT NULL,
    asked_at             BIGINT NOT NULL,
    -- None: it is still being answered.
    status               BIGINT,
    body                 LONGTEXT,
    INDEX kubesvc_ferry_answers_asked (asked_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
