-- Who carries a request with an Idempotency-Key out, and until when others leave it to them. One
-- statement, which may be repeated: there is no IF NOT EXISTS for columns that MySQL knows.
SET @ferry = (SELECT IF(COUNT(*) > 0, 'DO 0',
    'ALTER TABLE kubesvc_ferry_answers ADD COLUMN claim VARCHAR(255) NOT NULL DEFAULT '''',
     ADD COLUMN claimed_until BIGINT NOT NULL DEFAULT 0')
    FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'kubesvc_ferry_answers' AND column_name = 'claim')
    ; PREPARE ferry FROM @ferry
    ; EXECUTE ferry
    ; DEALLOCATE PREPARE ferry;

-- What came of the accounts of such a request, written with them; until the request is answered.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_outcomes (
    -- A ULID: ids sort by time.
    id                   VARCHAR(255) NOT NULL PRIMARY KEY,
    -- The request, by its id in kubesvc_ferry_answers.
    answer_id            VARCHAR(255) NOT NULL,
    -- A JSON object by account.
    outcomes             MEDIUMTEXT NOT NULL,
    -- When the request came.
    asked_at             BIGINT NOT NULL,
    KEY kubesvc_ferry_outcomes_of (answer_id),
    KEY kubesvc_ferry_outcomes_by_age (asked_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
