-- Times are Unix milliseconds by the database's clock. A statement may be repeated: making tables is
-- no part of a transaction here.

-- The columns of the contract (section 6), then Ferry's own.
CREATE TABLE IF NOT EXISTS kubesvc_accounts (
    name                 VARCHAR(255) NOT NULL PRIMARY KEY,
    last_updated         BIGINT       NOT NULL,
    kube_version         VARCHAR(255),
    kube_host            LONGTEXT,
    cert_fingerprint     VARCHAR(255),
    zone_id              VARCHAR(255),
    dynamic              BIGINT       NOT NULL DEFAULT 1,
    status               VARCHAR(255) NOT NULL,
    -- The public part as JSON: secret values are replaced.
    definition           LONGTEXT     NOT NULL,
    error_message        LONGTEXT,
    failed_count         BIGINT       NOT NULL DEFAULT 0,

    wanted               VARCHAR(255) NOT NULL,
    version              BIGINT       NOT NULL,
    generation           BIGINT       NOT NULL,
    requested_zone       VARCHAR(255),
    target_zone          VARCHAR(255),
    kubeconfig_file      LONGTEXT,
    failure              VARCHAR(255),
    -- JSON array of the zones that this tour has tried.
    toured               LONGTEXT     NOT NULL,
    due_at               BIGINT,
    -- The secret part, sealed with the key of this id.
    secret               LONGBLOB,
    secret_key_id        VARCHAR(255),
    INDEX kubesvc_accounts_due (due_at),
    INDEX kubesvc_accounts_status (status)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS kubesvc_ferry_holdings (
    account              VARCHAR(255) NOT NULL,
    agent_id             VARCHAR(255) NOT NULL,
    zone_id              VARCHAR(255) NOT NULL,
    generation           BIGINT       NOT NULL,
    state                VARCHAR(255) NOT NULL,
    cause                LONGTEXT,
    kube_version         VARCHAR(255),
    kube_host            LONGTEXT,
    cert_fingerprint     VARCHAR(255),
    since                BIGINT       NOT NULL,
    -- When a message about it was left to the core that the agent is connected to; 0: none waits.
    unsent               BIGINT       NOT NULL DEFAULT 0,
    PRIMARY KEY (account, agent_id),
    INDEX kubesvc_ferry_holdings_agent (agent_id),
    INDEX kubesvc_ferry_holdings_unsent (unsent)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row per running core.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_cores (
    core_id              VARCHAR(255) NOT NULL PRIMARY KEY,
    last_seen            BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS kubesvc_ferry_agents (
    agent_id             VARCHAR(255) NOT NULL PRIMARY KEY,
    zone_id              VARCHAR(255) NOT NULL,
    agent_version        VARCHAR(255) NOT NULL,
    core_id              VARCHAR(255) NOT NULL,
    -- One connection of this agent; a report of an earlier one changes nothing.
    session_id           VARCHAR(255) NOT NULL,
    last_connection      BIGINT       NOT NULL,
    -- When its connection ended; none: it is connected.
    left_at              BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS kubesvc_ferry_static_accounts (
    name                 VARCHAR(255) NOT NULL,
    agent_id             VARCHAR(255) NOT NULL,
    zone_id              VARCHAR(255) NOT NULL,
    definition           LONGTEXT     NOT NULL,
    state                VARCHAR(255) NOT NULL,
    cause                LONGTEXT,
    kube_version         VARCHAR(255),
    kube_host            LONGTEXT,
    cert_fingerprint     VARCHAR(255),
    last_updated         BIGINT       NOT NULL,
    PRIMARY KEY (name, agent_id),
    INDEX kubesvc_ferry_static_accounts_agent (agent_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Writes to /credentials whose outcome is not recorded yet. No secret: a hash of the body.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_intents (
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    method               VARCHAR(255) NOT NULL,
    account              VARCHAR(255) NOT NULL,
    body_fields          LONGTEXT     NOT NULL,
    body_sha256          VARCHAR(255) NOT NULL,
    -- Whether the source had the account before the write; none: it could not be asked.
    existed              BIGINT,
    -- 1 once Clouddriver is known to have taken it.
    accepted             BIGINT       NOT NULL DEFAULT 0,
    who                  VARCHAR(255) NOT NULL,
    opened_at            BIGINT       NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS kubesvc_ferry_audit (
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    account              VARCHAR(255) NOT NULL,
    from_status          VARCHAR(255),
    to_status            VARCHAR(255),
    event                VARCHAR(255) NOT NULL,
    who                  VARCHAR(255) NOT NULL,
    request_id           VARCHAR(255),
    message              LONGTEXT,
    at                   BIGINT       NOT NULL,
    INDEX kubesvc_ferry_audit_account (account)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
