-- Accounts whose kubeconfig is a secret elsewhere that their definition refers to.
CREATE TABLE kubesvc_ferry_references (
    account              TEXT NOT NULL PRIMARY KEY,
    -- What was sent first in this generation of the account.
    generation           INTEGER NOT NULL,
    -- By which it is known again: salted and keyed, no secret. Empty: it could not be read.
    fingerprint          TEXT NOT NULL,
    looked_at            INTEGER NOT NULL
) STRICT;
