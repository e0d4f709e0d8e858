-- The lanes of open batches that have something due and are not stopped. $1: now
SELECT b.organisation, b.id, b.pilot_until, l.number, l.sender
FROM invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
JOIN invite.lane AS l ON l.number = bl.lane
WHERE NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.not_before <= $1
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key) AND (p.kind = 'blocked' OR p.next_at > $1)
    )
    AND CASE
        WHEN b.pilot_until IS NULL THEN EXISTS (
            SELECT 1
            FROM invite.delivery AS d
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect AND d.due_at <= $1
        )
        ELSE EXISTS (
            SELECT 1
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
    END
ORDER BY b.organisation, b.confirmed_order, l.number
