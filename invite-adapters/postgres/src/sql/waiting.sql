-- What is queued in confirmed batches that go on, lane by lane, where nothing stops a destination: each figure is a range of
-- an index. $1: now
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, '' AS destination, false AS beyond_pilot,
    (
        SELECT count(*)
        FROM invite.delivery AS d
        WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect
    ) AS all_of_it,
    CASE
        WHEN b.pilot_until IS NULL THEN (
            SELECT count(*)
            FROM invite.delivery AS d
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect AND d.due_at <= $1
        )
        ELSE (
            SELECT count(*)
            FROM invite.delivery AS d
            WHERE d.organisation = b.organisation
                AND d.batch = b.id
                AND d.id <= b.pilot_until
                AND d.state IN ('queued', 'claimed', 'handing_over')
                AND d.state = 'queued'
                AND d.lane = l.number
                AND NOT d.suspect
                AND d.due_at <= $1
        )
    END AS due,
    CASE
        WHEN b.pilot_until IS NULL THEN (
            SELECT min(d.due_at)
            FROM invite.delivery AS d
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect AND d.due_at > $1
        )
        ELSE (
            SELECT min(d.due_at)
            FROM invite.delivery AS d
            WHERE d.organisation = b.organisation
                AND d.batch = b.id
                AND d.id <= b.pilot_until
                AND d.state IN ('queued', 'claimed', 'handing_over')
                AND d.state = 'queued'
                AND d.lane = l.number
                AND NOT d.suspect
                AND d.due_at > $1
        )
    END AS next_due_at
FROM invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
JOIN invite.lane AS l ON l.number = bl.lane
WHERE NOT b.finished AND b.confirmed_order IS NOT NULL AND b.state IN ('running', 'paused')
UNION ALL
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    coalesce(d.id > b.pilot_until, false) AS beyond_pilot,
    1::bigint AS all_of_it, (d.due_at <= $1)::int::bigint AS due, CASE WHEN d.due_at > $1 THEN d.due_at END AS next_due_at
FROM invite.delivery AS d
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.state = 'queued' AND d.suspect AND b.confirmed_order IS NOT NULL AND b.state IN ('running', 'paused')
