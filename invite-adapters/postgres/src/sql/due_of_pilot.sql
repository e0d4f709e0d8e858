-- As due_of_lane.sql, of a batch that goes to its pilot only.
-- $1: now, $2: batch, $3: lane, $4: destinations that are stopped, $5: at most, $6: those that are taken already,
-- $7: organisation, $8: the pilot's last message
SELECT d.id
FROM invite.delivery AS d
WHERE d.organisation = $7
    AND d.batch = $2
    AND d.id <= $8
    AND d.state IN ('queued', 'claimed', 'handing_over')
    AND d.state = 'queued'
    AND d.lane = $3
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.destination <> ALL($4)
    AND d.id <> ALL($6)
ORDER BY d.id
LIMIT $5
FOR UPDATE SKIP LOCKED
