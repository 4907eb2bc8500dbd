-- Connections of agents that are to be ended by the core that has them.
CREATE TABLE kubesvc_ferry_evictions (
    agent_id             VARCHAR(255) NOT NULL PRIMARY KEY,
    session_id           VARCHAR(255) NOT NULL
);
