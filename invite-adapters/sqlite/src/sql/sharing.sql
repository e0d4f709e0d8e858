-- ?1: organisation, ?2: batch; how many of its recipients share the address of a message: without those whose password
-- would be reset, and with them
SELECT
    count(DISTINCT CASE WHEN is_reset = 0 AND without_resets > 1 THEN user END) AS without_resets,
    count(DISTINCT CASE WHEN with_resets > 1 THEN user END) AS with_resets
FROM (
    SELECT
        user, is_reset, count(*) OVER address AS with_resets, sum(is_reset = 0) OVER address AS without_resets
    FROM (
        SELECT
            d.user, d.channel, d.address_key,
            ?3 AND (
                SELECT i.decision FROM invite_item AS i
                WHERE i.organisation = d.organisation AND i.batch = d.batch AND i.user = d.user
            ) = 'send_with_reset' AS is_reset
        FROM invite_delivery AS d
        WHERE d.organisation = ?1 AND d.batch = ?2
    )
    WINDOW address AS (PARTITION BY channel, address_key)
)
