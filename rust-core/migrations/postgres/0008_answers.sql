-- What requests with an Idempotency-Key were answered.
CREATE TABLE kubesvc_ferry_answers (
    -- A digest of who asked and of the key.
    id                   VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    -- By which the request is known again: salted and keyed, no secret.
    request              VARCHAR(255) NOT NULL,
    -- NULL: it is not known yet.
    status               BIGINT,
    body                 TEXT,
    asked_at             BIGINT NOT NULL
);
CREATE INDEX kubesvc_ferry_answers_by_age ON kubesvc_ferry_answers (asked_at);
