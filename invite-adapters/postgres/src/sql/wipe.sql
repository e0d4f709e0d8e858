-- $1: organisations, $2: batches, $3: people, place by place. Item by item, and then the credentials, as in messages_of.sql.
UPDATE invite.credential AS c
SET sealed = NULL
FROM (
    SELECT i.organisation, i.invitation, i.generation
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, batch, user_id)
    JOIN invite.item AS i ON i.organisation = w.organisation AND i.batch = w.batch AND i.user_id = w.user_id
    -- Of this invitation's messages, not of all that are on their way.
    WHERE NOT EXISTS (
        SELECT 1
        FROM (
            SELECT * FROM invite.delivery AS d
            WHERE d.organisation = i.organisation AND d.invitation = i.invitation
            OFFSET 0
        ) AS d
        WHERE d.batch = i.batch AND d.state IN ('queued', 'claimed', 'handing_over')
    )
    OFFSET 0
) AS i
WHERE c.organisation = i.organisation
    AND c.invitation = i.invitation
    AND c.generation = i.generation
    AND c.sealed IS NOT NULL
