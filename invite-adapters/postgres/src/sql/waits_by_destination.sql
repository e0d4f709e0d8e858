-- Why the queued messages of a batch wait: those that are due, by what may stop them; then the others, and the suspects.
-- $1: now, $2: organisation, $3: batch, $4: the last message of a pilot that goes on
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, NULL::text AS waits_for, count(*) AS messages, min(d.due_at) AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = bl.batch AND d.lane = l.number
WHERE bl.organisation = $2 AND bl.batch = $3 AND d.state = 'queued' AND NOT d.suspect AND d.due_at <= $1
GROUP BY l.number, d.destination, beyond_pilot
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, count(*) AS messages, min(d.due_at) AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = bl.batch AND d.lane = l.number
WHERE bl.organisation = $2 AND bl.batch = $3 AND d.state = 'queued' AND NOT d.suspect AND d.due_at > $1
GROUP BY l.number, d.destination, beyond_pilot, d.waits_for
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, 1::bigint AS messages, d.due_at
FROM invite.delivery AS d
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.organisation = $2 AND d.batch = $3 AND d.state = 'queued' AND d.suspect
