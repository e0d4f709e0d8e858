-- ?1: [[organisation, batch, user], ...]
UPDATE invite_credential
SET sealed = NULL
WHERE sealed IS NOT NULL
    AND (organisation, invitation, generation) IN (
        SELECT i.organisation, i.invitation, i.generation
        FROM json_each(?1) AS w
        CROSS JOIN invite_item AS i
            ON i.organisation = unhex(w.value ->> 0) AND i.batch = unhex(w.value ->> 1) AND i.user = unhex(w.value ->> 2)
        WHERE i.generation IS NOT NULL
            AND NOT EXISTS (
                SELECT 1
                FROM invite_delivery AS d INDEXED BY invite_delivery_invitation
                WHERE d.organisation = i.organisation
                    AND d.invitation = i.invitation
                    AND d.batch = i.batch
                    AND d.state IN ('queued', 'claimed', 'handing_over')
            )
    )
