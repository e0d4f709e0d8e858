-- $1: organisations, $2: invitations, place by place
SELECT v.*, b.state AS batch_state
FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
JOIN invite.invitation AS v ON v.organisation = w.organisation AND v.id = w.id
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
