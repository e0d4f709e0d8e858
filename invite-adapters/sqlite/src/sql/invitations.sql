-- ?1: [[organisation, invitation], ...]
SELECT v.*, b.state AS batch_state
FROM json_each(?1) AS w
CROSS JOIN invite_invitation AS v ON v.organisation = unhex(w.value ->> 0) AND v.id = unhex(w.value ->> 1)
JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
