-- $1: organisation, $2: batch, then a column each of the items
INSERT INTO invite.item
    (organisation, batch, user_id, decision, reason, channels, invitation, credential, administrator, wording)
SELECT $1, $2, w.*
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::boolean[], $10::jsonb[]) AS w
