-- What agents were told about accounts, and what came of it. Nothing is decided by it.
CREATE TABLE kubesvc_ferry_operations (
    -- A ULID: ids sort by time.
    id                   VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    account              VARCHAR(255) COLLATE "C" NOT NULL,
    agent_id             VARCHAR(255) NOT NULL,
    operation            VARCHAR(255) NOT NULL,
    generation           BIGINT       NOT NULL,
    -- The core whose step it is part of.
    received_by          VARCHAR(255) NOT NULL,
    received_at          BIGINT       NOT NULL,
    -- The core that sent it to the agent; none: it has not been sent.
    sent_by              VARCHAR(255),
    sent_at              BIGINT,
    -- None: it is under way.
    ended_at             BIGINT,
    outcome              VARCHAR(255),
    -- The core that the agent answered to.
    reported_to          VARCHAR(255)
);
CREATE INDEX kubesvc_ferry_operations_open
    ON kubesvc_ferry_operations (agent_id, ended_at, account);
