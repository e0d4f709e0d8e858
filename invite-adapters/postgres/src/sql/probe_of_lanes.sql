-- One message that is due and that a pause of a sender or of an account stops.
-- $1: now, $2: sender, $3: account, $4: those that are taken already
SELECT d.id
FROM invite.lane AS l
JOIN invite.batch_lane AS bl ON bl.lane = l.number
JOIN invite.batch AS b ON b.organisation = bl.organisation AND b.id = bl.batch
JOIN invite.delivery AS d ON d.batch = b.id AND d.lane = l.number
WHERE (l.sender = $2::text OR l.account = $3::text)
    AND NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.pilot_until IS NULL
    AND b.not_before <= $1
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.id <> ALL($4)
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > $1
    )
LIMIT 1
FOR UPDATE OF d SKIP LOCKED
