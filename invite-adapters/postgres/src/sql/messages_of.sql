-- $1: organisation, $2: whose
SELECT
    d.id, d.user_id, d.batch, d.invitation, d.channel, d.state, d.sent_at, d.changed_at,
    b.action, b.confirmed_order, b.state AS batch_state
FROM unnest($2::uuid[]) AS w (user_id)
-- Person by person, and then the batches: in tables that were not counted yet it looks cheaper to go through all messages of
-- the organisation's batches. OFFSET 0 leaves no other way.
CROSS JOIN LATERAL (
    SELECT * FROM invite.delivery AS d WHERE d.organisation = $1 AND d.user_id = w.user_id OFFSET 0
) AS d
CROSS JOIN LATERAL (
    SELECT * FROM invite.batch AS b WHERE b.organisation = $1 AND b.id = d.batch OFFSET 0
) AS b
-- Of messages of one batch the last is the newest, as their ids have it.
ORDER BY d.user_id, d.id
