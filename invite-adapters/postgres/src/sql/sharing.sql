-- $1: organisation, $2: batch, $3: whether any password would be reset; how many of its recipients share the address of a
-- message: without those whose password would be reset, and with them. The messages are gone through once, however many
-- share an address.
WITH shared AS (
    SELECT channel, address_key, array_agg(user_id) AS people
    FROM invite.delivery
    WHERE organisation = $1 AND batch = $2 AND address_key IS NOT NULL
    GROUP BY channel, address_key
    HAVING count(*) > 1
), sharing AS (
    SELECT
        w.user_id, s.channel, s.address_key,
        $3 AND (
            SELECT i.decision = 'send_with_reset' FROM invite.item AS i
            WHERE i.organisation = $1 AND i.batch = $2 AND i.user_id = w.user_id
        ) AS is_reset
    FROM shared AS s CROSS JOIN LATERAL unnest(s.people) AS w (user_id)
)
SELECT
    count(DISTINCT user_id) FILTER (WHERE NOT is_reset AND not_reset > 1) AS without_resets,
    count(DISTINCT user_id) AS with_resets
FROM (
    SELECT
        user_id, is_reset,
        count(*) FILTER (WHERE NOT is_reset) OVER (PARTITION BY channel, address_key) AS not_reset
    FROM sharing
) AS people
