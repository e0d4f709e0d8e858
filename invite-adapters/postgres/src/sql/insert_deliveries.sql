-- $1: organisation, $2: batch, $3: the state, $4: now, then a column each of the deliveries
INSERT INTO invite.delivery
    (organisation, batch, id, user_id, invitation, channel, address, address_key, destination, lane, state, attempts,
     unseen, suspect, due_at, changed_at)
SELECT $1, $2, w.*, $3, 0, 0, false, $4, $4
FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[]) AS w
