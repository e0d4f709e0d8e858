-- $1: organisation, $2: batch, $3: whether any password would be reset; how many of its recipients share the address of a
-- message: without those whose password would be reset, and with them
WITH shared AS (
    SELECT channel, address_key FROM invite.delivery WHERE organisation = $1 AND batch = $2
    GROUP BY channel, address_key HAVING count(*) > 1
), sharing AS (
    SELECT
        d.user_id, d.channel, d.address_key,
        CASE WHEN $3 THEN (
            SELECT i.decision = 'send_with_reset' FROM invite.item AS i
            WHERE i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
        ) ELSE 0 END AS is_reset
    FROM invite.delivery AS d
    WHERE d.organisation = $1 AND d.batch = $2
        AND (d.channel, d.address_key) IN (SELECT channel, address_key FROM shared)
)
SELECT
    count(DISTINCT CASE WHEN is_reset = 0 AND not_reset > 1 THEN user_id END) AS without_resets,
    count(DISTINCT user_id) AS with_resets
FROM (
    SELECT user_id, is_reset, sum(is_reset = 0) OVER (PARTITION BY channel, address_key) AS not_reset FROM sharing
)
