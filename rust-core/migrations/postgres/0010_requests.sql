-- The request that a write came with, for the audit.
ALTER TABLE kubesvc_ferry_intents ADD COLUMN request_id VARCHAR(255);
