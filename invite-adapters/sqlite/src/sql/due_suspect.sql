-- ?1: now, ?2: senders that have no room
SELECT d.id, l.sender
FROM invite_delivery AS d INDEXED BY invite_delivery_suspect
JOIN invite_batch AS b ON b.organisation = d.organisation AND b.id = d.batch
JOIN invite_lane AS l ON l.number = d.lane
WHERE d.state = 'queued'
    AND d.suspect = 1
    AND d.due_at <= ?1
    AND b.state = 'running'
    AND b.not_before <= ?1
    AND l.sender NOT IN (SELECT value FROM json_each(?2))
    AND coalesce(d.id <= b.pilot_until, 1)
    AND NOT EXISTS (
        SELECT 1
        FROM invite_sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > ?1
    )
ORDER BY d.due_at
LIMIT 1
