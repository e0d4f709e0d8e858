-- ?1: organisation, ?2: [user, ...]
SELECT
    d.id, d.user, d.batch, d.invitation, d.channel, d.state, d.sent_at, d.changed_at,
    b.action, b.confirmed_order, b.state AS batch_state
FROM json_each(?2) AS w
CROSS JOIN invite_delivery AS d INDEXED BY invite_delivery_user ON d.organisation = ?1 AND d.user = unhex(w.value)
JOIN invite_batch AS b ON b.organisation = d.organisation AND b.id = d.batch
