-- As waits_by_destination.sql, where nothing stops a destination: of those that are due, each figure is a range of an index.
-- $1: now, $2: organisation, $3: batch, $4: the last message of a pilot that goes on
SELECT
    l.account_key, l.sender_key, l.destination_prefix AS destination_key, false AS beyond_pilot, NULL::text AS waits_for,
    (
        SELECT count(*)
        FROM invite.delivery AS d
        WHERE d.batch = bl.batch
            AND d.lane = l.number
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND coalesce(d.id <= $4, true)
    ) AS messages,
    $1::timestamptz AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
WHERE bl.organisation = $2 AND bl.batch = $3
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix AS destination_key, true AS beyond_pilot, NULL::text AS waits_for,
    (
        SELECT count(*)
        FROM invite.delivery AS d
        WHERE d.batch = bl.batch
            AND d.lane = l.number
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND d.id > $4
    ) AS messages,
    $1::timestamptz AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
WHERE bl.organisation = $2 AND bl.batch = $3 AND $4 IS NOT NULL
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, count(*) AS messages, min(d.due_at) AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = bl.batch AND d.lane = l.number
WHERE bl.organisation = $2 AND bl.batch = $3 AND d.state = 'queued' AND NOT d.suspect AND d.due_at > $1
GROUP BY l.number, beyond_pilot, d.waits_for
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, 1::bigint AS messages, d.due_at
FROM invite.delivery AS d
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.organisation = $2 AND d.batch = $3 AND d.state = 'queued' AND d.suspect
