-- $1: [[organisation, batch], ...]
UPDATE invite.batch
SET finished = 1
WHERE finished = 0
    AND confirmed_order IS NOT NULL
    AND (organisation, id) IN (SELECT (value ->> 0)::uuid, (value ->> 1)::uuid FROM jsonb_array_elements($1) WITH ORDINALITY AS w (value, key))
    AND NOT EXISTS (
        SELECT 1
        FROM invite.delivery AS d
        WHERE d.organisation = invite.batch.organisation
            AND d.batch = invite.batch.id
            AND d.state IN ('queued', 'claimed', 'handing_over')
    )
RETURNING organisation, id
