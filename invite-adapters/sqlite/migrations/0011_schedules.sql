-- Rollouts that run by themselves.

ALTER TABLE invite_batch ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0; -- 1: the organisation's schedule made it

-- The work that schedules make. While somebody has it, it is due again when their lease is over.
CREATE TABLE invite_due (
    organisation BLOB NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    token BLOB,
    PRIMARY KEY (organisation, kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_due_work ON invite_due (due_at) WHERE kind <> 'expiry_notice';
CREATE INDEX invite_due_of_kind ON invite_due (organisation, kind, due_at);
CREATE INDEX invite_due_notice ON invite_due (due_at) WHERE kind = 'expiry_notice';
