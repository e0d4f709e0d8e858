-- $1: organisation, $2: whose; person by person, as in messages_of.sql
SELECT p.user_id, p.came_at, b.state IS NOT NULL AND b.state <> 'recalled' AS retired
FROM unnest($2::uuid[]) AS w (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.user_id OFFSET 0
) AS p
LEFT JOIN invite.invitation AS v ON v.organisation = $1 AND v.id = p.retired_by
LEFT JOIN invite.batch AS b ON b.organisation = $1 AND b.id = v.batch
