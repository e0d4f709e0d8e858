-- $1: organisation, $2: whose
SELECT
    d.id, d.user_id, d.batch, d.invitation, d.channel, d.state, d.sent_at, d.changed_at,
    b.action, b.confirmed_order, b.state AS batch_state
FROM invite.delivery AS d
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
WHERE d.organisation = $1 AND d.user_id = ANY ($2)
