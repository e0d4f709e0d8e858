-- $1: organisations, $2: people, place by place; person by person, as in messages_of.sql
SELECT v.*, b.state AS batch_state
FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, user_id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.invitation AS v WHERE v.organisation = w.organisation AND v.user_id = w.user_id OFFSET 0
) AS v
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
WHERE v.state IN ('pending', 'expired')
ORDER BY v.created_at, v.id
