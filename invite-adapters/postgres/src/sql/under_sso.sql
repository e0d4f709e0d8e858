-- People of an organisation under SSO, who sign in by its default and have something open that carries a credential;
-- person by person, as in messages_of.sql.
-- $1: organisation, $2: at most
SELECT u.*
FROM invite.user AS u
WHERE u.organisation = $1
    AND u.sign_in IS NULL
    AND (
        EXISTS (
            SELECT 1
            FROM (
                SELECT * FROM invite.invitation AS v
                WHERE v.organisation = u.organisation AND v.user_id = u.id
                OFFSET 0
            ) AS v
            WHERE v.state IN ('pending', 'expired') AND NOT v.announced
        )
        OR EXISTS (
            SELECT 1
            FROM (
                SELECT * FROM invite.delivery AS d
                WHERE d.organisation = u.organisation AND d.user_id = u.id
                OFFSET 0
            ) AS d
            JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
            WHERE d.state IN ('queued', 'claimed') AND i.credential IS NOT NULL
        )
    )
LIMIT $2
