-- $1: now, $2: whether senders that are blocked are tried, $3: senders that have no room. Suspects are few and have an index;
-- OFFSET 0 keeps the server from looking for them among all that their batches have on the way.
SELECT d.id, l.sender
FROM invite.delivery AS d
CROSS JOIN LATERAL (
    SELECT * FROM invite.batch AS b WHERE b.organisation = d.organisation AND b.id = d.batch OFFSET 0
) AS b
CROSS JOIN LATERAL (SELECT * FROM invite.lane AS l WHERE l.number = d.lane OFFSET 0) AS l
WHERE d.state = 'queued'
    AND d.suspect
    AND d.due_at <= $1
    AND b.state = 'running'
    AND b.not_before <= $1
    AND l.sender <> ALL($3)
    AND (b.pilot_until IS NULL OR d.id <= b.pilot_until)
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
            AND (p.next_at > $1 OR (p.kind = 'blocked' AND NOT $2))
    )
ORDER BY d.due_at
LIMIT 1
FOR UPDATE OF d SKIP LOCKED
