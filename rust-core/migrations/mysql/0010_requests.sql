-- The request that a write came with, for the audit. One statement, which may be repeated: there is no
-- IF NOT EXISTS for columns that MySQL knows.
SET @ferry = (SELECT IF(COUNT(*) > 0, 'DO 0',
    'ALTER TABLE kubesvc_ferry_intents ADD COLUMN request_id VARCHAR(255)')
    FROM information_schema.columns WHERE table_schema = DATABASE()
    AND table_name = 'kubesvc_ferry_intents' AND column_name = 'request_id')
    ; PREPARE ferry FROM @ferry
    ; EXECUTE ferry
    ; DEALLOCATE PREPARE ferry;
