-- What is queued in confirmed batches that go on. ?1: now
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    count(*) AS all_of_it, sum(d.due_at <= ?1) AS due, min(CASE WHEN d.due_at > ?1 THEN d.due_at END) AS next_due_at
FROM invite_batch AS b INDEXED BY invite_batch_open
CROSS JOIN invite_delivery AS d INDEXED BY invite_delivery_on_its_way ON d.organisation = b.organisation AND d.batch = b.id
CROSS JOIN invite_lane AS l ON l.number = d.lane
WHERE b.finished = 0
    AND b.confirmed_order IS NOT NULL
    AND b.state IN ('running', 'paused')
    AND d.state IN ('queued', 'claimed', 'handing_over')
    AND d.state = 'queued'
GROUP BY b.organisation, b.id, d.lane, d.destination
