-- ?1: [delivery, ...], in the order in which they are answered
SELECT
    d.*, l.sender, l.account, i.decision, i.reason AS skip_reason, i.credential, i.generation,
    v.state AS invitation_state, v.reason AS invitation_reason, vb.state AS invitation_batch_state
FROM json_each(?1) AS w
CROSS JOIN invite_delivery AS d INDEXED BY invite_delivery_id ON d.id = unhex(w.value)
JOIN invite_lane AS l ON l.number = d.lane
JOIN invite_item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user = d.user
LEFT JOIN invite_invitation AS v ON v.organisation = d.organisation AND v.id = d.invitation
LEFT JOIN invite_batch AS vb ON vb.organisation = v.organisation AND vb.id = v.batch
ORDER BY w.key
