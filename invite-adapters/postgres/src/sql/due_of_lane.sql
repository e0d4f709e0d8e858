-- $1: now, $2: batch, $3: lane, $4: destinations that are stopped, $5: at most, $6: those that are taken already
SELECT d.id
FROM invite.delivery AS d
WHERE d.batch = $2
    AND d.lane = $3
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.destination <> ALL($4)
    AND d.id <> ALL($6)
ORDER BY d.due_at
LIMIT $5
FOR UPDATE SKIP LOCKED
