-- Which keys a core opens secrets with.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_keys (
    core_id              VARCHAR(255) NOT NULL,
    key_id               VARCHAR(255) NOT NULL,
    PRIMARY KEY (core_id, key_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
