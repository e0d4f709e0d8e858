-- The messages that say to which addresses people's invitations go. ?1: organisation, ?2: [user, ...]
SELECT
    d.id, d.user, d.invitation, d.channel, d.address, d.state, i.credential,
    EXISTS (
        SELECT 1 FROM invite_invitation AS v WHERE v.organisation = d.organisation AND v.id = d.invitation
    ) AS begun
FROM json_each(?2) AS w
CROSS JOIN invite_delivery AS d INDEXED BY invite_delivery_user ON d.organisation = ?1 AND d.user = unhex(w.value)
JOIN invite_item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user = d.user
WHERE d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')
