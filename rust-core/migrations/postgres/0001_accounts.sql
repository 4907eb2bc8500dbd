-- Times are Unix milliseconds by the database's clock.

-- The columns of the contract (section 6), then Ferry's own. Armory's plugin may have made it before.
CREATE TABLE IF NOT EXISTS kubesvc_accounts (
    name                 VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    last_updated         BIGINT       NOT NULL,
    kube_version         VARCHAR(255),
    kube_host            TEXT,
    cert_fingerprint     VARCHAR(255),
    zone_id              VARCHAR(255),
    dynamic              BIGINT       NOT NULL DEFAULT 1,
    status               VARCHAR(255) NOT NULL,
    -- The public part as JSON: secret values are replaced.
    definition           TEXT         NOT NULL,
    error_message        TEXT,
    failed_count         BIGINT       NOT NULL DEFAULT 0,

    wanted               VARCHAR(255) NOT NULL,
    version              BIGINT       NOT NULL,
    generation           BIGINT       NOT NULL,
    requested_zone       VARCHAR(255),
    target_zone          VARCHAR(255),
    kubeconfig_file      TEXT,
    failure              VARCHAR(255),
    -- JSON array of the zones that this tour has tried.
    toured               TEXT         NOT NULL DEFAULT '[]',
    due_at               BIGINT,
    -- The secret part, sealed with the key of this id.
    secret               BYTEA,
    secret_key_id        VARCHAR(255)
);
CREATE INDEX IF NOT EXISTS kubesvc_accounts_due ON kubesvc_accounts (due_at);
CREATE INDEX IF NOT EXISTS kubesvc_accounts_status ON kubesvc_accounts (status);

CREATE TABLE kubesvc_ferry_holdings (
    account              VARCHAR(255) COLLATE "C" NOT NULL,
    agent_id             VARCHAR(255) COLLATE "C" NOT NULL,
    zone_id              VARCHAR(255) NOT NULL,
    generation           BIGINT       NOT NULL,
    state                VARCHAR(255) NOT NULL,
    cause                TEXT,
    kube_version         VARCHAR(255),
    kube_host            TEXT,
    cert_fingerprint     VARCHAR(255),
    since                BIGINT       NOT NULL,
    -- When a message about it was left to the core that the agent is connected to; 0: none waits.
    unsent               BIGINT       NOT NULL DEFAULT 0,
    PRIMARY KEY (account, agent_id)
);
CREATE INDEX kubesvc_ferry_holdings_agent ON kubesvc_ferry_holdings (agent_id);
CREATE INDEX kubesvc_ferry_holdings_unsent ON kubesvc_ferry_holdings (unsent);

-- One row per running core.
CREATE TABLE kubesvc_ferry_cores (
    core_id              VARCHAR(255) NOT NULL PRIMARY KEY,
    last_seen            BIGINT       NOT NULL
);

CREATE TABLE kubesvc_ferry_agents (
    agent_id             VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    zone_id              VARCHAR(255) NOT NULL,
    agent_version        VARCHAR(255) NOT NULL,
    core_id              VARCHAR(255) NOT NULL,
    -- One connection of this agent; a report of an earlier one changes nothing.
    session_id           VARCHAR(255) NOT NULL,
    last_connection      BIGINT       NOT NULL,
    -- When its connection ended; none: it is connected.
    left_at              BIGINT
);

CREATE TABLE kubesvc_ferry_static_accounts (
    name                 VARCHAR(255) COLLATE "C" NOT NULL,
    agent_id             VARCHAR(255) COLLATE "C" NOT NULL,
    zone_id              VARCHAR(255) NOT NULL,
    definition           TEXT         NOT NULL,
    state                VARCHAR(255) NOT NULL,
    cause                TEXT,
    kube_version         VARCHAR(255),
    kube_host            TEXT,
    cert_fingerprint     VARCHAR(255),
    last_updated         BIGINT       NOT NULL,
    PRIMARY KEY (name, agent_id)
);
CREATE INDEX kubesvc_ferry_static_accounts_agent ON kubesvc_ferry_static_accounts (agent_id);

-- Writes to /credentials whose outcome is not recorded yet. No secret: a hash of the body.
CREATE TABLE kubesvc_ferry_intents (
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    method               VARCHAR(255) NOT NULL,
    account              VARCHAR(255) COLLATE "C" NOT NULL,
    body_fields          TEXT         NOT NULL,
    body_sha256          VARCHAR(255) NOT NULL,
    -- Whether the source had the account before the write; none: it could not be asked.
    existed              BIGINT,
    -- 1 once Clouddriver is known to have taken it.
    accepted             BIGINT       NOT NULL DEFAULT 0,
    who                  VARCHAR(255) NOT NULL,
    opened_at            BIGINT       NOT NULL
);

CREATE TABLE kubesvc_ferry_audit (
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    account              VARCHAR(255) COLLATE "C" NOT NULL,
    from_status          VARCHAR(255),
    to_status            VARCHAR(255),
    event                VARCHAR(255) NOT NULL,
    who                  VARCHAR(255) NOT NULL,
    request_id           VARCHAR(255),
    message              TEXT,
    at                   BIGINT       NOT NULL
);
CREATE INDEX kubesvc_ferry_audit_account ON kubesvc_ferry_audit (account);
