-- Agents whose operators want them to have no accounts but their own.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_static_agents (
    agent_id             VARCHAR(255) NOT NULL PRIMARY KEY
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
