-- One message of a pilot that is due and that a pause stops.
-- $1: now, $2: sender, $3: account, $4: destination, $5: those that are taken already
SELECT d.id
FROM invite.batch AS b
JOIN invite.delivery AS d
    ON d.organisation = b.organisation AND d.batch = b.id AND d.id <= b.pilot_until
JOIN invite.lane AS l ON l.number = d.lane
WHERE NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.not_before <= $1
    AND (l.sender = $2::text OR l.account = $3::text)
    AND ($4::text IS NULL OR d.destination = $4)
    AND d.state IN ('queued', 'claimed', 'handing_over')
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.id <> ALL($5)
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > $1
    )
LIMIT 1
FOR UPDATE OF d SKIP LOCKED
