-- $1: now, $2: batch, $3: lane, $4: its prefix of destinations, $5: at most
SELECT d.id
FROM invite.delivery AS d
WHERE d.batch = $2
    AND d.lane = $3
    AND d.state = 'queued'
    AND d.suspect = 0
    AND d.due_at <= $1
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key = $4 || d.destination AND (p.kind = 'blocked' OR p.next_at > $1)
    )
ORDER BY d.due_at
LIMIT $5
