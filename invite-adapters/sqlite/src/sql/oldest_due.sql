-- Since when the message is due that could be claimed now and was due first. ?1: now
SELECT min(since) AS since
FROM (
    SELECT
        max(
            b.not_before,
            CASE
                WHEN b.pilot_until IS NULL THEN (
                    SELECT d.due_at
                    FROM invite_delivery AS d INDEXED BY invite_delivery_queued
                    WHERE d.batch = b.id
                        AND d.lane = l.number
                        AND d.state = 'queued'
                        AND d.suspect = 0
                        AND d.due_at <= ?1
                        AND NOT EXISTS (
                            SELECT 1
                            FROM invite_sender_pause AS p
                            WHERE p.pause_key = l.destination_prefix || d.destination AND (p.kind = 'blocked' OR p.next_at > ?1)
                        )
                    ORDER BY d.due_at
                    LIMIT 1
                )
                ELSE (
                    SELECT min(d.due_at)
                    FROM invite_delivery AS d INDEXED BY invite_delivery_on_its_way
                    WHERE d.organisation = b.organisation
                        AND d.batch = b.id
                        AND d.id <= b.pilot_until
                        AND d.state IN ('queued', 'claimed', 'handing_over')
                        AND d.state = 'queued'
                        AND d.lane = l.number
                        AND d.suspect = 0
                        AND d.due_at <= ?1
                        AND NOT EXISTS (
                            SELECT 1
                            FROM invite_sender_pause AS p
                            WHERE p.pause_key = l.destination_prefix || d.destination AND (p.kind = 'blocked' OR p.next_at > ?1)
                        )
                )
            END
        ) AS since
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
    UNION ALL
    SELECT max(b.not_before, d.due_at) AS since
    FROM invite_delivery AS d INDEXED BY invite_delivery_suspect
    JOIN invite_batch AS b ON b.organisation = d.organisation AND b.id = d.batch
    JOIN invite_lane AS l ON l.number = d.lane
    WHERE d.state = 'queued'
        AND d.suspect = 1
        AND d.due_at <= ?1
        AND b.state = 'running'
        AND b.not_before <= ?1
        AND coalesce(d.id <= b.pilot_until, 1)
        AND NOT EXISTS (
            SELECT 1
            FROM invite_sender_pause AS p
            WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
                AND (p.kind = 'blocked' OR p.next_at > ?1)
        )
)
