-- ?1: [[organisation, batch], ...], ?2: now
UPDATE invite_batch
SET finished = 1, finished_at = ?2
WHERE finished = 0
    AND confirmed_order IS NOT NULL
    AND (organisation, id) IN (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each(?1))
    AND NOT EXISTS (
        SELECT 1
        FROM invite_delivery AS d INDEXED BY invite_delivery_on_its_way
        WHERE d.organisation = invite_batch.organisation
            AND d.batch = invite_batch.id
            AND d.state IN ('queued', 'claimed', 'handing_over')
    )
RETURNING organisation, id
