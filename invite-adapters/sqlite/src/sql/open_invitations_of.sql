-- ?1: [[organisation, user], ...]
SELECT v.*, b.state AS batch_state
FROM json_each(?1) AS w
CROSS JOIN invite_invitation AS v INDEXED BY invite_invitation_user
    ON v.organisation = unhex(w.value ->> 0) AND v.user = unhex(w.value ->> 1)
JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
WHERE v.state IN ('pending', 'expired')
ORDER BY v.created_at, v.id
