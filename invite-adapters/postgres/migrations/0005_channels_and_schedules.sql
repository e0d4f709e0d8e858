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

-- Text messages that may have gone within a day, for the limits.
CREATE TABLE invite.text_message (
    organisation uuid NOT NULL,
    delivery uuid NOT NULL,
    number text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (organisation, delivery)
);

CREATE INDEX text_message_at ON invite.text_message (organisation, at);
CREATE INDEX text_message_number ON invite.text_message (organisation, number, at);
CREATE INDEX text_message_old ON invite.text_message (at);

-- Rollouts that run by themselves.
--
-- While replicas of the release before still run, what they begin makes no work for schedules: an organisation gets its
-- schedule when they are replaced, or is saved once more then.

ALTER TABLE invite.batch ADD COLUMN scheduled boolean NOT NULL DEFAULT false; -- the organisation's schedule made it

-- The work that schedules make. While somebody has it, it is due again when their lease is over.
CREATE TABLE invite.due (
    organisation uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    subject uuid NOT NULL,
    due_at timestamptz NOT NULL,
    token uuid,
    PRIMARY KEY (organisation, kind, subject)
);

CREATE INDEX due_work ON invite.due (due_at) WHERE kind <> 'expiry_notice';
CREATE INDEX due_of_kind ON invite.due (organisation, kind, due_at);
CREATE INDEX due_notice ON invite.due (due_at) WHERE kind = 'expiry_notice';

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (5, 1, clock_timestamp());
