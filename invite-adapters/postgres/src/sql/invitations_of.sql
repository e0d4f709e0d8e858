-- $1: organisation, $2: whose; person by person, as in messages_of.sql
SELECT
    v.id, v.user_id, v.batch, v.state, v.reason, v.created_at, v.expires_at, b.action, b.state AS batch_state
FROM unnest($2::uuid[]) AS w (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.invitation AS v WHERE v.organisation = $1 AND v.user_id = w.user_id OFFSET 0
) AS v
CROSS JOIN LATERAL (
    SELECT * FROM invite.batch AS b WHERE b.organisation = $1 AND b.id = v.batch OFFSET 0
) AS b
