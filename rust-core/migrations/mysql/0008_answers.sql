-- What requests with an Idempotency-Key were answered.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_answers (
    -- A digest of who asked and of the key.
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    -- By which the request is known again: salted and keyed, no secret.
    request              VARCHAR(255) NOT NULL,
    -- NULL: it is not known yet.
    status               BIGINT,
    body                 MEDIUMTEXT,
    asked_at             BIGINT NOT NULL,
    KEY kubesvc_ferry_answers_by_age (asked_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
