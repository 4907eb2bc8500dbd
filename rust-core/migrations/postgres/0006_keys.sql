-- Which keys a core opens secrets with.
CREATE TABLE kubesvc_ferry_keys (
    core_id              VARCHAR(255) COLLATE "C" NOT NULL,
    key_id               VARCHAR(255) COLLATE "C" NOT NULL,
    PRIMARY KEY (core_id, key_id)
);
