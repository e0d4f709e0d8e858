-- What is kept too long goes.

ALTER TABLE invite_batch ADD COLUMN finished_at INTEGER; -- when it finished, or was stopped unconfirmed
ALTER TABLE invite_batch ADD COLUMN contacts_removed_to BLOB; -- the last message whose contact was removed
ALTER TABLE invite_batch ADD COLUMN contacts_removed INTEGER NOT NULL DEFAULT 0; -- 1: those of all its messages were

-- When was not kept: not before its last message changed.
UPDATE invite_batch AS b
SET finished_at = max(
    b.confirmed_at,
    coalesce(b.stopped_at, 0),
    coalesce((
        SELECT max(d.changed_at) FROM invite_delivery AS d WHERE d.organisation = b.organisation AND d.batch = b.id
    ), 0)
)
WHERE b.finished = 1;
UPDATE invite_batch SET finished_at = stopped_at WHERE confirmed_order IS NULL AND stopped_at IS NOT NULL;

CREATE INDEX invite_batch_contacts ON invite_batch (finished_at) WHERE finished_at IS NOT NULL AND contacts_removed = 0;

-- The last event that was removed.
CREATE TABLE invite_events_removed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    until INTEGER NOT NULL
) STRICT;

INSERT INTO invite_events_removed VALUES (1, 0);
