-- What the write says, where it has references to secrets that Clouddriver's API does not show: JSON, and
-- no secret. One statement, which may be repeated.
SET @ferry = (SELECT IF(COUNT(*) > 0, 'DO 0',
    'ALTER TABLE kubesvc_ferry_intents ADD COLUMN definition MEDIUMTEXT')
    FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'kubesvc_ferry_intents' AND column_name = 'definition')
    ; PREPARE ferry FROM @ferry
    ; EXECUTE ferry
    ; DEALLOCATE PREPARE ferry;
-- The last write of each account that was written with such references.
CREATE TABLE IF NOT EXISTS kubesvc_ferry_written (
    account              VARCHAR(255) NOT NULL PRIMARY KEY,
    -- The write, and when it began.
    intent               VARCHAR(255) NOT NULL,
    begun_at             BIGINT NOT NULL,
    -- Its top-level fields, as the journal has them; empty: it deleted the account.
    body_fields          MEDIUMTEXT NOT NULL,
    -- None: it has no such references.
    definition           MEDIUMTEXT,
    written_at           BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
