-- $1: organisation, $2: user_id, $3: now. OFFSET 0: it is about this person's invitations, not all that are open.
SELECT c.id, c.invitation, c.generation, c.password, c.expires_at, v.salt
FROM (SELECT * FROM invite.invitation AS v WHERE v.organisation = $1 AND v.user_id = $2 OFFSET 0) AS v
JOIN invite.batch AS vb ON vb.organisation = v.organisation AND vb.id = v.batch
JOIN invite.credential AS c ON c.organisation = v.organisation AND c.invitation = v.id
JOIN invite.batch AS cb ON cb.organisation = c.organisation AND cb.id = c.batch
WHERE v.state = 'pending'
    AND v.salt IS NOT NULL
    AND vb.state <> 'recalled'
    AND cb.state <> 'recalled'
    AND c.password IS NOT NULL
    AND c.expires_at > $3
    AND NOT EXISTS (
        SELECT 1
        FROM invite.credential AS o
        WHERE o.organisation = c.organisation AND o.invitation = c.invitation AND o.used_at IS NOT NULL
    )
ORDER BY c.minted_at DESC, c.generation DESC, c.id DESC
