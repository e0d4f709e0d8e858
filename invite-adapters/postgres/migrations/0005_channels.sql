-- The channel that a person prefers, and the SMS that goes where an e-mail does not arrive.

ALTER TABLE invite.user ADD COLUMN prefers text;

CREATE TABLE invite.fallback (
    organisation uuid NOT NULL,
    batch uuid NOT NULL,
    user_id uuid NOT NULL,
    invitation uuid NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    address_key text NOT NULL,
    destination text NOT NULL,
    lane bigint NOT NULL,
    PRIMARY KEY (organisation, batch, user_id)
);

CREATE INDEX fallback_user ON invite.fallback (organisation, user_id);

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (5, 1, clock_timestamp());
