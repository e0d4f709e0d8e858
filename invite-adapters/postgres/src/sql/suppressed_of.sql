-- $1: organisation, then a column each of people, channels and the keys of addresses; address by address, as in
-- messages_of.sql
SELECT w.user_id, w.channel
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS w (user_id, channel, address_key)
CROSS JOIN LATERAL (
    SELECT 1 FROM invite.suppression AS s
    WHERE s.organisation = $1 AND s.channel = w.channel AND s.address_key = w.address_key
    OFFSET 0
) AS s
