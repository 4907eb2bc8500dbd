-- Who carries a request with an Idempotency-Key out, and until when others leave it to them.
ALTER TABLE kubesvc_ferry_answers ADD COLUMN claim TEXT NOT NULL DEFAULT '';
ALTER TABLE kubesvc_ferry_answers ADD COLUMN claimed_until INTEGER NOT NULL DEFAULT 0;

-- What came of the accounts of such a request, written with them; until the request is answered.
CREATE TABLE kubesvc_ferry_outcomes (
    -- A ULID: ids sort by time.
    id                   TEXT NOT NULL PRIMARY KEY,
    -- The request, by its id in kubesvc_ferry_answers.
    answer_id            TEXT NOT NULL,
    -- A JSON object by account.
    outcomes             TEXT NOT NULL,
    -- When the request came.
    asked_at             INTEGER NOT NULL
) STRICT;
CREATE INDEX kubesvc_ferry_outcomes_of ON kubesvc_ferry_outcomes (answer_id);
CREATE INDEX kubesvc_ferry_outcomes_by_age ON kubesvc_ferry_outcomes (asked_at);
