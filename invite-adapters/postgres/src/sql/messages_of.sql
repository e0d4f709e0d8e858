-- $1: organisation, $2: [user_id, ...]
SELECT
    d.id, d.user_id, d.batch, d.invitation, d.channel, d.state, d.sent_at, d.changed_at,
    b.action, b.confirmed_order, b.state AS batch_state
FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key)
JOIN invite.delivery AS d ON d.organisation = $1 AND d.user_id = (w.value #>> '{}')::uuid
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
