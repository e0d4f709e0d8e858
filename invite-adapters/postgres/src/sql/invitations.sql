-- $1: [[organisation, invitation], ...]
SELECT v.*, b.state AS batch_state
FROM jsonb_array_elements($1) WITH ORDINALITY AS w (value, key)
JOIN invite.invitation AS v ON v.organisation = (w.value ->> 0)::uuid AND v.id = (w.value ->> 1)::uuid
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
