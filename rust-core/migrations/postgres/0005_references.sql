-- Accounts whose kubeconfig is a secret elsewhere that their definition refers to.
CREATE TABLE kubesvc_ferry_references (
    account              VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    -- What was sent first in this generation of the account.
    generation           BIGINT NOT NULL,
    -- By which it is known again: salted and keyed, no secret. Empty: it could not be read.
    fingerprint          VARCHAR(255) NOT NULL,
    looked_at            BIGINT NOT NULL
);
