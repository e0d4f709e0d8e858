-- $1: [[organisation, batch, user_id], ...]
UPDATE invite.credential
SET sealed = NULL
WHERE sealed IS NOT NULL
    AND (organisation, invitation, generation) IN (
        SELECT i.organisation, i.invitation, i.generation
        FROM jsonb_array_elements($1) WITH ORDINALITY AS w (value, key)
        JOIN invite.item AS i
            ON i.organisation = (w.value ->> 0)::uuid AND i.batch = (w.value ->> 1)::uuid AND i.user_id = (w.value ->> 2)::uuid
        WHERE i.generation IS NOT NULL
            AND NOT EXISTS (
                SELECT 1
                FROM invite.delivery AS d
                WHERE d.organisation = i.organisation
                    AND d.invitation = i.invitation
                    AND d.batch = i.batch
                    AND d.state IN ('queued', 'claimed', 'handing_over')
            )
    )
