-- $1: organisations, $2: people, $3: invitations, place by place
SELECT p.organisation, p.user_id, p.retired_by
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, user_id, invitation)
JOIN invite.person AS p
    ON p.organisation = w.organisation AND p.user_id = w.user_id AND p.retired_by = w.invitation
JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
WHERE b.state = 'recalled'
    OR (
        NOT EXISTS (
            SELECT 1
            FROM invite.delivery AS d
            JOIN invite.batch AS of ON of.organisation = d.organisation AND of.id = d.batch
            WHERE d.organisation = v.organisation
                AND d.invitation = v.id
                AND d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')
                AND of.confirmed_order IS NOT NULL
        )
        AND NOT EXISTS (
            SELECT 1
            FROM invite.credential AS c
            WHERE c.organisation = v.organisation
                AND c.invitation = v.id
                AND (c.reserved_at IS NOT NULL OR c.used_at IS NOT NULL)
        )
    )
