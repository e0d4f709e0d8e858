-- What is counted for whoever operates the library, and when batches finished, so that what is kept too long goes.
--
-- While replicas of the release before still run, what they do is not counted; which batches they finished, and those that
-- finished before, the sweep finds out.

-- Under the keys that invite-core gives. A figure is the sum of its shards: a batch counts in one of them, so that batches
-- seldom wait for each other.
CREATE TABLE invite.count (
    counted text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (counted, shard)
);

-- What only grows begins with this version; what goes up and down begins with what is there.
INSERT INTO invite.count (counted, shard, value)
SELECT 'on_their_way ' || d.channel, 0, count(*)
FROM invite.batch AS b
JOIN invite.delivery AS d ON d.organisation = b.organisation AND d.batch = b.id
WHERE b.confirmed_order IS NOT NULL AND d.state IN ('queued', 'claimed', 'handing_over')
GROUP BY d.channel;

INSERT INTO invite.count (counted, shard, value)
SELECT 'put_off ' || d.channel || ' ' || d.waits_for, 0, count(*)
FROM invite.batch AS b
JOIN invite.delivery AS d ON d.organisation = b.organisation AND d.batch = b.id
WHERE b.confirmed_order IS NOT NULL AND d.state IN ('queued', 'claimed', 'handing_over') AND d.waits_for IS NOT NULL
GROUP BY d.channel, d.waits_for;

INSERT INTO invite.count (counted, shard, value)
SELECT 'unknown ' || channel, 0, count(*) FROM invite.delivery WHERE state = 'unknown' GROUP BY channel;

-- The last event that was removed.
CREATE TABLE invite.events_removed (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    until bigint NOT NULL
);

INSERT INTO invite.events_removed (until) VALUES (0);

ALTER TABLE invite.batch ADD COLUMN finished_at timestamptz; -- when it finished, or was stopped unconfirmed
ALTER TABLE invite.batch ADD COLUMN contacts_removed_to uuid; -- the last message whose contact was removed
ALTER TABLE invite.batch ADD COLUMN contacts_removed boolean NOT NULL DEFAULT false; -- those of all its messages were

CREATE INDEX batch_contacts ON invite.batch (finished_at) WHERE finished_at IS NOT NULL AND NOT contacts_removed;
CREATE INDEX batch_undated ON invite.batch (organisation, id)
    WHERE finished_at IS NULL AND (finished OR (confirmed_order IS NULL AND stopped_at IS NOT NULL));

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (2, 1, clock_timestamp());
