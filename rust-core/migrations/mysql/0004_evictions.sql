-- A statement may be repeated: making tables is no part of a transaction here.

-- Connections of agents that are to be ended by the core that has them.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_evictions (
    agent_id             VARCHAR(255) NOT NULL PRIMARY KEY,
    session_id           VARCHAR(255) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
