-- ?1: [[organisation, user, invitation], ...]
SELECT p.organisation, p.user, p.retired_by
FROM json_each(?1) AS w
CROSS JOIN invite_person AS p
    ON p.organisation = unhex(w.value ->> 0) AND p.user = unhex(w.value ->> 1) AND p.retired_by = unhex(w.value ->> 2)
JOIN invite_invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
JOIN invite_batch AS b ON b.organisation = v.organisation AND b.id = v.batch
WHERE b.state = 'recalled'
    OR (
        NOT EXISTS (
            SELECT 1
            FROM invite_delivery AS d INDEXED BY invite_delivery_invitation
            JOIN invite_batch AS of ON of.organisation = d.organisation AND of.id = d.batch
            WHERE d.organisation = v.organisation
                AND d.invitation = v.id
                AND d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')
                AND of.confirmed_order IS NOT NULL
        )
        AND NOT EXISTS (
            SELECT 1
            FROM invite_credential AS c
            WHERE c.organisation = v.organisation
                AND c.invitation = v.id
                AND (c.reserved_at IS NOT NULL OR c.used_at IS NOT NULL)
        )
    )
