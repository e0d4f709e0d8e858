-- Everybody who has one of these ids, keys or contacts. $1: organisation, $2: [id, ...], $3: user_id names,
-- $4: employee numbers, $5: external ids, $6: e-mail addresses, $7: phones
SELECT u.*
FROM (
    SELECT (value #>> '{}')::uuid AS id FROM jsonb_array_elements($2) WITH ORDINALITY AS w (value, key)
    UNION
    SELECT u.id FROM jsonb_array_elements($3) WITH ORDINALITY AS w (value, key)
    JOIN invite.user AS u ON u.organisation = $1 AND u.username_key = w.value
    UNION
    SELECT u.id FROM jsonb_array_elements($4) WITH ORDINALITY AS w (value, key)
    JOIN invite.user AS u ON u.organisation = $1 AND u.employee_number_key = w.value
    UNION
    SELECT u.id FROM jsonb_array_elements($5) WITH ORDINALITY AS w (value, key)
    JOIN invite.user AS u ON u.organisation = $1 AND u.external_id_key = w.value
    UNION
    SELECT u.id FROM jsonb_array_elements($6) WITH ORDINALITY AS w (value, key)
    JOIN invite.user AS u ON u.organisation = $1 AND u.email_key = w.value
    UNION
    SELECT u.id FROM jsonb_array_elements($7) WITH ORDINALITY AS w (value, key)
    JOIN invite.user AS u ON u.organisation = $1 AND u.phone = w.value
) AS w
JOIN invite.user AS u ON u.organisation = $1 AND u.id = w.id
