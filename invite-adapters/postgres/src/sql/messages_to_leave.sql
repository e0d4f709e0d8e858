-- The messages that say to which addresses people's invitations go. $1: organisation, $2: [user_id, ...]
SELECT
    d.id, d.user_id, d.invitation, d.channel, d.address, d.state, i.credential,
    EXISTS (
        SELECT 1 FROM invite.invitation AS v WHERE v.organisation = d.organisation AND v.id = d.invitation
    ) AS begun
FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key)
JOIN invite.delivery AS d ON d.organisation = $1 AND d.user_id = (w.value #>> '{}')::uuid
JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
WHERE d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')
