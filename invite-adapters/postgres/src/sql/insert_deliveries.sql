-- $1: organisation, $2: batch, $3: one object for each delivery, $4: the state, $5: now
INSERT INTO invite.delivery
    (organisation, batch, id, user_id, invitation, channel, address, address_key, destination, lane, state, attempts,
     unseen, suspect, due_at, changed_at)
SELECT
    $1, $2, (value ->> 'id')::uuid, (value ->> 'user_id')::uuid, (value ->> 'invitation')::uuid, value ->> 'channel',
    value ->> 'address', value ->> 'address_key', value ->> 'destination', value ->> 'lane', $4, 0, 0, 0, $5, $5
FROM jsonb_array_elements($3) WITH ORDINALITY AS w (value, key)
