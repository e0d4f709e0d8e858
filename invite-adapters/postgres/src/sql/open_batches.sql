-- How the confirmed batches stand that have messages on their way.
SELECT b.state, b.paused_because, b.not_before, b.pilot_until IS NOT NULL AS goes_to_pilot
FROM invite.batch AS b
WHERE NOT b.finished AND b.confirmed_order IS NOT NULL
