-- ?1: organisation, ?2: batch, ?3: one object for each delivery, ?4: the state, ?5: now
INSERT INTO invite_delivery
    (organisation, batch, id, user, invitation, channel, address, address_key, destination, lane, state, attempts,
     unseen, suspect, due_at, changed_at)
SELECT
    ?1, ?2, unhex(value ->> 'id'), unhex(value ->> 'user'), unhex(value ->> 'invitation'), value ->> 'channel',
    value ->> 'address', value ->> 'address_key', value ->> 'destination', value ->> 'lane', ?4, 0, 0, 0, ?5, ?5
FROM json_each(?3)
