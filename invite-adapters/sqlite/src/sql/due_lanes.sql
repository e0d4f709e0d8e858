-- The lanes of open batches that have something due and are not stopped. ?1: now
SELECT b.organisation, b.id, b.pilot_until, l.number, l.sender, l.destination_prefix
FROM invite_batch AS b INDEXED BY invite_batch_open
CROSS JOIN invite_batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
CROSS JOIN invite_lane AS l ON l.number = bl.lane
WHERE b.finished = 0
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.not_before <= ?1
    AND NOT EXISTS (
        SELECT 1
        FROM invite_sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key) AND (p.kind = 'blocked' OR p.next_at > ?1)
    )
    AND CASE
        WHEN b.pilot_until IS NULL THEN EXISTS (
            SELECT 1
            FROM invite_delivery AS d INDEXED BY invite_delivery_queued
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND d.suspect = 0 AND d.due_at <= ?1
        )
        ELSE EXISTS (
            SELECT 1
            FROM invite_delivery AS d INDEXED BY invite_delivery_on_its_way
            WHERE d.organisation = b.organisation
                AND d.batch = b.id
                AND d.id <= b.pilot_until
                AND d.state IN ('queued', 'claimed', 'handing_over')
                AND d.state = 'queued'
                AND d.lane = l.number
                AND d.suspect = 0
                AND d.due_at <= ?1
        )
    END
ORDER BY b.organisation, b.confirmed_order, l.number
