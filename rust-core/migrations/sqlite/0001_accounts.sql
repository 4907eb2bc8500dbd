-- Times are Unix milliseconds by the database's clock.

-- The columns of the contract (section 6), then Ferry's own.
CREATE TABLE kubesvc_accounts (
    name                 TEXT    NOT NULL PRIMARY KEY,
    last_updated         INTEGER NOT NULL,
    kube_version         TEXT,
    kube_host            TEXT,
    cert_fingerprint     TEXT,
    zone_id              TEXT,
    dynamic              INTEGER NOT NULL DEFAULT 1,
    status               TEXT    NOT NULL,
    -- The public part as JSON: secret values are replaced.
    definition           TEXT    NOT NULL,
    error_message        TEXT,
    failed_count         INTEGER NOT NULL DEFAULT 0,

    wanted               TEXT    NOT NULL,
    version              INTEGER NOT NULL,
    generation           INTEGER NOT NULL,
    requested_zone       TEXT,
    target_zone          TEXT,
    kubeconfig_file      TEXT,
    failure              TEXT,
    -- JSON array of the zones that this tour has tried.
    toured               TEXT    NOT NULL DEFAULT '[]',
    due_at               INTEGER,
    -- The secret part, sealed with the key of this id.
    secret               BLOB,
    secret_key_id        TEXT
) STRICT;
CREATE INDEX kubesvc_accounts_due ON kubesvc_accounts (due_at);
CREATE INDEX kubesvc_accounts_status ON kubesvc_accounts (status);

CREATE TABLE kubesvc_ferry_holdings (
    account              TEXT    NOT NULL,
    agent_id             TEXT    NOT NULL,
    zone_id              TEXT    NOT NULL,
    generation           INTEGER NOT NULL,
    state                TEXT    NOT NULL,
    cause                TEXT,
    kube_version         TEXT,
    kube_host            TEXT,
    cert_fingerprint     TEXT,
    since                INTEGER NOT NULL,
    -- When a message about it was left to the core that the agent is connected to; 0: none waits.
    unsent               INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, agent_id)
) STRICT;
CREATE INDEX kubesvc_ferry_holdings_agent ON kubesvc_ferry_holdings (agent_id);
CREATE INDEX kubesvc_ferry_holdings_unsent ON kubesvc_ferry_holdings (unsent);

-- One row per running core.
CREATE TABLE kubesvc_ferry_cores (
    core_id              TEXT    NOT NULL PRIMARY KEY,
    last_seen            INTEGER NOT NULL
) STRICT;

CREATE TABLE kubesvc_ferry_agents (
    agent_id             TEXT    NOT NULL PRIMARY KEY,
    zone_id              TEXT    NOT NULL,
    agent_version        TEXT    NOT NULL,
    core_id              TEXT    NOT NULL,
    -- One connection of this agent; a report of an earlier one changes nothing.
    session_id           TEXT    NOT NULL,
    last_connection      INTEGER NOT NULL,
    -- When its connection ended; none: it is connected.
    left_at              INTEGER
) STRICT;

CREATE TABLE kubesvc_ferry_static_accounts (
    name                 TEXT    NOT NULL,
    agent_id             TEXT    NOT NULL,
    zone_id              TEXT    NOT NULL,
    definition           TEXT    NOT NULL,
    state                TEXT    NOT NULL,
    cause                TEXT,
    kube_version         TEXT,
    kube_host            TEXT,
    cert_fingerprint     TEXT,
    last_updated         INTEGER NOT NULL,
    PRIMARY KEY (name, agent_id)
) STRICT;
CREATE INDEX kubesvc_ferry_static_accounts_agent ON kubesvc_ferry_static_accounts (agent_id);

-- Writes to /credentials whose outcome is not recorded yet. No secret: a hash of the body.
CREATE TABLE kubesvc_ferry_intents (
    id                   TEXT    NOT NULL PRIMARY KEY,
    method               TEXT    NOT NULL,
    account              TEXT    NOT NULL,
    body_fields          TEXT    NOT NULL,
    body_sha256          TEXT    NOT NULL,
    -- Whether the source had the account before the write; none: it could not be asked.
    existed              INTEGER,
    -- 1 once Clouddriver is known to have taken it.
    accepted             INTEGER NOT NULL DEFAULT 0,
    who                  TEXT    NOT NULL,
    opened_at            INTEGER NOT NULL
) STRICT;

CREATE TABLE kubesvc_ferry_audit (
    id                   TEXT    NOT NULL PRIMARY KEY,
    account              TEXT    NOT NULL,
    from_status          TEXT,
    to_status            TEXT,
    event                TEXT    NOT NULL,
    who                  TEXT    NOT NULL,
    request_id           TEXT,
    message              TEXT,
    at                   INTEGER NOT NULL
) STRICT;
CREATE INDEX kubesvc_ferry_audit_account ON kubesvc_ferry_audit (account);
