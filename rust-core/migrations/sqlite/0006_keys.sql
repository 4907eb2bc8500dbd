-- Which keys a core opens secrets with.
CREATE TABLE kubesvc_ferry_keys (
    core_id              TEXT NOT NULL,
    key_id               TEXT NOT NULL,
    PRIMARY KEY (core_id, key_id)
) STRICT;
