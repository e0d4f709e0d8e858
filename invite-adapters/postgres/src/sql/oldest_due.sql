-- Since when the message is due that could be claimed now and was due first. $1: now
SELECT min(since) AS since
FROM (
    SELECT greatest(b.not_before, d.due_at) AS since
    FROM invite.batch AS b
    JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
    JOIN invite.lane AS l ON l.number = bl.lane
    CROSS JOIN LATERAL (
        SELECT d.due_at
        FROM invite.delivery AS d
        WHERE d.batch = b.id
            AND d.lane = l.number
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND NOT EXISTS (
                SELECT 1
                FROM invite.sender_pause AS p
                WHERE p.pause_key = l.destination_prefix || d.destination AND (p.kind = 'blocked' OR p.next_at > $1)
            )
        ORDER BY d.due_at
        LIMIT 1
    ) AS d
    WHERE NOT b.finished
        AND b.confirmed_order IS NOT NULL
        AND b.state = 'running'
        AND b.pilot_until IS NULL
        AND b.not_before <= $1
        AND NOT EXISTS (
            SELECT 1
            FROM invite.sender_pause AS p
            WHERE p.pause_key IN (l.account_key, l.sender_key) AND (p.kind = 'blocked' OR p.next_at > $1)
        )
    UNION ALL
    SELECT greatest(b.not_before, d.due_at) AS since
    FROM invite.batch AS b
    CROSS JOIN LATERAL (
        SELECT min(d.due_at) AS due_at
        FROM invite.delivery AS d
        JOIN invite.lane AS l ON l.number = d.lane
        WHERE d.organisation = b.organisation
            AND d.batch = b.id
            AND d.id <= b.pilot_until
            AND d.state IN ('queued', 'claimed', 'handing_over')
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND NOT EXISTS (
                SELECT 1
                FROM invite.sender_pause AS p
                WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
                    AND (p.kind = 'blocked' OR p.next_at > $1)
            )
    ) AS d
    WHERE NOT b.finished
        AND b.confirmed_order IS NOT NULL
        AND b.state = 'running'
        AND b.pilot_until IS NOT NULL
        AND b.not_before <= $1
        AND d.due_at IS NOT NULL
    UNION ALL
    SELECT greatest(b.not_before, d.due_at) AS since
    FROM invite.delivery AS d
    JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
    JOIN invite.lane AS l ON l.number = d.lane
    WHERE d.state = 'queued'
        AND d.suspect
        AND d.due_at <= $1
        AND b.state = 'running'
        AND b.not_before <= $1
        AND (b.pilot_until IS NULL OR d.id <= b.pilot_until)
        AND NOT EXISTS (
            SELECT 1
            FROM invite.sender_pause AS p
            WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
                AND (p.kind = 'blocked' OR p.next_at > $1)
        )
) AS due
