-- Lists by status and by zone, and the sweep's look for ORPHANED accounts of a zone, without reading
-- definitions.
DROP INDEX kubesvc_accounts_status;
CREATE INDEX kubesvc_accounts_status ON kubesvc_accounts (status, zone_id, requested_zone, name);
