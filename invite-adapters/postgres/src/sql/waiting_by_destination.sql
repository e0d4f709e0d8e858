-- What is queued in confirmed batches that go on, by its destination. $1: now
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    coalesce(d.id > b.pilot_until, false) AS beyond_pilot,
    count(*) AS all_of_it, count(*) FILTER (WHERE d.due_at <= $1) AS due, min(CASE WHEN d.due_at > $1 THEN d.due_at END) AS next_due_at
FROM invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = b.id AND d.lane = l.number
WHERE NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state IN ('running', 'paused')
    AND d.state = 'queued'
    AND NOT d.suspect
GROUP BY b.organisation, b.id, l.number, d.destination, beyond_pilot
UNION ALL
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    coalesce(d.id > b.pilot_until, false) AS beyond_pilot,
    1::bigint AS all_of_it, (d.due_at <= $1)::int::bigint AS due, CASE WHEN d.due_at > $1 THEN d.due_at END AS next_due_at
FROM invite.delivery AS d
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.state = 'queued' AND d.suspect AND b.confirmed_order IS NOT NULL AND b.state IN ('running', 'paused')
