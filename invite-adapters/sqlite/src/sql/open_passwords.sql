-- ?1: organisation, ?2: user, ?3: now
SELECT c.id, c.invitation, c.generation, c.password, c.expires_at, v.salt
FROM invite_invitation AS v INDEXED BY invite_invitation_user
JOIN invite_batch AS vb ON vb.organisation = v.organisation AND vb.id = v.batch
CROSS JOIN invite_credential AS c ON c.organisation = v.organisation AND c.invitation = v.id
JOIN invite_batch AS cb ON cb.organisation = c.organisation AND cb.id = c.batch
WHERE v.organisation = ?1
    AND v.user = ?2
    AND v.state = 'pending'
    AND v.salt IS NOT NULL
    AND vb.state <> 'recalled'
    AND cb.state <> 'recalled'
    AND c.password IS NOT NULL
    AND c.expires_at > ?3
    AND NOT EXISTS (
        SELECT 1
        FROM invite_credential AS o
        WHERE o.organisation = c.organisation AND o.invitation = c.invitation AND o.used_at IS NOT NULL
    )
ORDER BY c.minted_at DESC, c.generation DESC, c.id DESC
