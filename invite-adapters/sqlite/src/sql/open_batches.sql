-- How the confirmed batches stand that have messages on their way.
SELECT b.state, b.paused_because, b.not_before, b.pilot_until IS NOT NULL AS goes_to_pilot
FROM invite_batch AS b INDEXED BY invite_batch_open
WHERE b.finished = 0 AND b.confirmed_order IS NOT NULL
