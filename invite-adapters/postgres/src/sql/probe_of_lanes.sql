-- One message that is due and that a pause of a sender or of an account stops. $1: now, $2: sender, $3: account
SELECT d.id
FROM invite.lane AS l
JOIN invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id AND bl.lane = l.number
JOIN invite.delivery AS d ON d.batch = b.id AND d.lane = l.number
WHERE (l.sender = $2 OR l.account = $3)
    AND b.finished = 0
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.pilot_until IS NULL
    AND b.not_before <= $1
    AND d.state = 'queued'
    AND d.suspect = 0
    AND d.due_at <= $1
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > $1
    )
LIMIT 1
