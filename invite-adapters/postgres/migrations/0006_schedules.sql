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

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (6, 1, clock_timestamp());
