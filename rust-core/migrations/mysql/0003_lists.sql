-- Lists by status and by zone, and the sweep's look for ORPHANED accounts of a zone, without reading
-- definitions.
-- One statement, so that it may be repeated. Every index here ends with the primary key, the name.
ALTER TABLE kubesvc_accounts DROP INDEX kubesvc_accounts_status,
    ADD INDEX kubesvc_accounts_status (status, zone_id, requested_zone);
