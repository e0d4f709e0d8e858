-- People of an organisation under SSO, who sign in by its default and have something open that carries a credential.
-- $1: organisation, $2: at most
SELECT u.*
FROM invite.user AS u
WHERE u.organisation = $1
    AND u.sign_in IS NULL
    AND (
        EXISTS (
            SELECT 1
            FROM invite.invitation AS v
            WHERE v.organisation = u.organisation
                AND v.user_id = u.id
                AND v.state IN ('pending', 'expired')
                AND NOT v.announced
        )
        OR EXISTS (
            SELECT 1
            FROM invite.delivery AS d
            JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
            WHERE d.organisation = u.organisation
                AND d.user_id = u.id
                AND d.state IN ('queued', 'claimed')
                AND i.credential IS NOT NULL
        )
    )
LIMIT $2
