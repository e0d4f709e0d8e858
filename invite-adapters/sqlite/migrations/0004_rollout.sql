-- Pilots, and why a message waits.

ALTER TABLE invite_batch ADD COLUMN pilot INTEGER; -- how many people it goes to first
ALTER TABLE invite_batch ADD COLUMN pilot_until BLOB; -- their last message, while no later one may leave

ALTER TABLE invite_delivery ADD COLUMN waits_for TEXT; -- why it is due later, while it is

-- With the id, so that a pilot is found at the beginning of its batch, however long the rest is.
DROP INDEX invite_delivery_on_its_way;
CREATE INDEX invite_delivery_on_its_way ON invite_delivery (organisation, batch, id) WHERE state IN ('queued', 'claimed', 'handing_over');

-- With the time, so that those that wait for the morning are not gone through.
DROP INDEX invite_delivery_destination;
CREATE INDEX invite_delivery_destination ON invite_delivery (lane, destination, due_at) WHERE state = 'queued' AND suspect = 0;

CREATE INDEX invite_delivery_to_retry ON invite_delivery (organisation, batch, id) WHERE state IN ('failed', 'unknown');

-- A sender that is stopped by hand has the kind 'by_hand' and the last instant there is as next_at.
