-- $1: organisations, $2: batches, $3: people, place by place
UPDATE invite.credential AS c
SET sealed = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, batch, user_id)
JOIN invite.item AS i ON i.organisation = w.organisation AND i.batch = w.batch AND i.user_id = w.user_id
WHERE c.organisation = i.organisation
    AND c.invitation = i.invitation
    AND c.generation = i.generation
    AND c.sealed IS NOT NULL
    -- OFFSET 0: of this invitation's messages, not of all that are on their way.
    AND NOT EXISTS (
        SELECT 1
        FROM (
            SELECT * FROM invite.delivery AS d
            WHERE d.organisation = i.organisation AND d.invitation = i.invitation
            OFFSET 0
        ) AS d
        WHERE d.batch = i.batch AND d.state IN ('queued', 'claimed', 'handing_over')
    )
