-- Connections of agents that are to be ended by the core that has them.
CREATE TABLE kubesvc_ferry_evictions (
    agent_id             TEXT NOT NULL PRIMARY KEY,
    session_id           TEXT NOT NULL
) STRICT;
