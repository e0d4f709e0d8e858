-- What is counted for whoever operates the library, under the keys that invite-core gives. What only grows begins with
-- this version; what goes up and down begins with what is there.

CREATE TABLE invite_count (
    counted TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO invite_count (counted, value)
SELECT 'on_their_way ' || d.channel, count(*)
FROM invite_batch AS b
CROSS JOIN invite_delivery AS d ON d.organisation = b.organisation AND d.batch = b.id
WHERE b.confirmed_order IS NOT NULL AND d.state IN ('queued', 'claimed', 'handing_over')
GROUP BY d.channel;

INSERT INTO invite_count (counted, value)
SELECT 'put_off ' || d.channel || ' ' || d.waits_for, count(*)
FROM invite_batch AS b
CROSS JOIN invite_delivery AS d ON d.organisation = b.organisation AND d.batch = b.id
WHERE b.confirmed_order IS NOT NULL AND d.state IN ('queued', 'claimed', 'handing_over') AND d.waits_for IS NOT NULL
GROUP BY d.channel, d.waits_for;

INSERT INTO invite_count (counted, value)
SELECT 'unknown ' || channel, count(*) FROM invite_delivery WHERE state = 'unknown' GROUP BY channel;
