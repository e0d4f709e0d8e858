-- $1: organisation, $2: batch, $3: whether any password would be reset; how many of its recipients share the address of a
-- message: without those whose password would be reset, and with them
WITH shared AS (
    SELECT channel, address_key
    FROM invite.delivery
    WHERE organisation = $1 AND batch = $2
    GROUP BY channel, address_key
    HAVING count(*) > 1
), sharing AS (
    SELECT
        d.user_id, d.channel, d.address_key,
        $3 AND (
            SELECT i.decision = 'send_with_reset' FROM invite.item AS i
            WHERE i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
        ) AS is_reset
    FROM invite.delivery AS d
    JOIN shared AS s ON s.channel = d.channel AND s.address_key = d.address_key
    WHERE d.organisation = $1 AND d.batch = $2
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
