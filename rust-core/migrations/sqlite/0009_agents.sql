-- Agents whose operators want them to have no accounts but their own.
CREATE TABLE kubesvc_ferry_static_agents (
    agent_id             TEXT NOT NULL PRIMARY KEY
) STRICT;
