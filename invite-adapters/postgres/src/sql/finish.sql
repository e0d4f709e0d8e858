-- $1: organisations, $2: batches, place by place, $3: now. The last messages of a batch leave last: they are looked for first.
UPDATE invite.batch AS b
SET finished = true, finished_at = $3
FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
WHERE b.organisation = w.organisation
    AND b.id = w.id
    AND NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND (
        SELECT d.id
        FROM invite.delivery AS d
        WHERE d.organisation = b.organisation
            AND d.batch = b.id
            AND d.state IN ('queued', 'claimed', 'handing_over')
        ORDER BY d.organisation DESC, d.batch DESC, d.id DESC
        LIMIT 1
    ) IS NULL
RETURNING b.organisation, b.id
