-- The messages that say to which addresses people's invitations go; person by person, as in messages_of.sql.
-- $1: organisation, $2: people
SELECT
    d.id, d.user_id, d.invitation, d.channel, d.address, d.state, i.credential,
    EXISTS (
        SELECT 1 FROM invite.invitation AS v WHERE v.organisation = d.organisation AND v.id = d.invitation
    ) AS begun
FROM unnest($2::uuid[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.delivery AS d WHERE d.organisation = $1 AND d.user_id = w.id OFFSET 0
) AS d
JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
WHERE d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')
