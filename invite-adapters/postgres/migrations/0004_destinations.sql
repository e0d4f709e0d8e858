-- What waits for a destination, found by the destination first. By the lane first, this index looked as good for what a batch
-- has on its lane as the one that is made for it, until the server had counted the table: a claim then sorted all of a lane.
DROP INDEX invite.delivery_destination;
CREATE INDEX delivery_destination ON invite.delivery (destination, lane, due_at) WHERE state = 'queued' AND NOT suspect;

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (4, 1, clock_timestamp());
