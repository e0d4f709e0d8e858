-- As due_of_lane.sql, of a batch that goes to its pilot only.
-- $1: now, $2: batch, $3: lane, $4: its prefix of destinations, $5: at most, $6: organisation, $7: the pilot's last message
SELECT d.id
FROM invite.delivery AS d
WHERE d.organisation = $6
    AND d.batch = $2
    AND d.id <= $7
    AND d.state IN ('queued', 'claimed', 'handing_over')
    AND d.state = 'queued'
    AND d.lane = $3
    AND d.suspect = 0
    AND d.due_at <= $1
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key = $4 || d.destination AND (p.kind = 'blocked' OR p.next_at > $1)
    )
ORDER BY d.id
LIMIT $5
