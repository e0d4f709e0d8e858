-- $1: deliveries
SELECT
    d.*, l.sender, l.account, i.decision, i.reason AS skip_reason, i.credential, i.generation,
    v.state AS invitation_state, v.reason AS invitation_reason, vb.state AS invitation_batch_state
FROM unnest($1::uuid[]) AS w (id)
JOIN invite.delivery AS d ON d.id = w.id
JOIN invite.lane AS l ON l.number = d.lane
JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
LEFT JOIN invite.invitation AS v ON v.organisation = d.organisation AND v.id = d.invitation
LEFT JOIN invite.batch AS vb ON vb.organisation = v.organisation AND vb.id = v.batch
ORDER BY d.id
FOR UPDATE OF d
