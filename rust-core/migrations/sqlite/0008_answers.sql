-- What requests with an Idempotency-Key were answered.
CREATE TABLE kubesvc_ferry_answers (
    -- A digest of who asked and of the key.
    id                   TEXT NOT NULL PRIMARY KEY,
    -- By which the request is known again: salted and keyed, no secret.
    request              TEXT NOT NULL,
    -- NULL: it is not known yet.
    status               INTEGER,
    body                 TEXT,
    asked_at             INTEGER NOT NULL
) STRICT;
CREATE INDEX kubesvc_ferry_answers_by_age ON kubesvc_ferry_answers (asked_at);
