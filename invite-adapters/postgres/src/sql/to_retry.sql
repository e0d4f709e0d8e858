-- Failed or unknown messages of a batch. $1: organisation, $2: batch, $3: after, $4: failed, $5: unknown, $6: not changed
-- after, $7: at most
SELECT d.id
FROM invite.delivery AS d
WHERE d.organisation = $1
    AND d.batch = $2
    AND d.id > $3
    AND d.state IN ('failed', 'unknown')
    AND (($4 AND d.state = 'failed') OR ($5 AND d.state = 'unknown'))
    AND d.changed_at <= $6
ORDER BY d.id
LIMIT $7
