-- The channel that a person prefers, and the SMS that goes where an e-mail does not arrive.

ALTER TABLE invite_user ADD COLUMN prefers TEXT;

CREATE TABLE invite_fallback (
    organisation BLOB NOT NULL,
    batch BLOB NOT NULL,
    user BLOB NOT NULL,
    invitation BLOB NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    destination TEXT NOT NULL,
    lane INTEGER NOT NULL,
    PRIMARY KEY (organisation, batch, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_fallback_user ON invite_fallback (organisation, user);

-- Text messages that may have gone within a day, for the limits.
CREATE TABLE invite_text_message (
    organisation BLOB NOT NULL,
    delivery BLOB NOT NULL,
    number TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (organisation, delivery)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_text_message_at ON invite_text_message (organisation, at);
CREATE INDEX invite_text_message_number ON invite_text_message (organisation, number, at);
CREATE INDEX invite_text_message_old ON invite_text_message (at);

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
