-- Who carries a request with an Idempotency-Key out, and until when others leave it to them.
ALTER TABLE kubesvc_ferry_answers ADD COLUMN claim VARCHAR(255) NOT NULL DEFAULT '';
ALTER TABLE kubesvc_ferry_answers ADD COLUMN claimed_until BIGINT NOT NULL DEFAULT 0;

-- What came of the accounts of such a request, written with them; until the request is answered.
CREATE TABLE kubesvc_ferry_outcomes (
    -- A ULID: ids sort by time.
    id                   VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    -- The request, by its id in kubesvc_ferry_answers.
    answer_id            VARCHAR(255) COLLATE "C" NOT NULL,
    -- A JSON object by account.
    outcomes             TEXT NOT NULL,
    -- When the request came.
    asked_at             BIGINT NOT NULL
);
CREATE INDEX kubesvc_ferry_outcomes_of ON kubesvc_ferry_outcomes (answer_id);
CREATE INDEX kubesvc_ferry_outcomes_by_age ON kubesvc_ferry_outcomes (asked_at);
