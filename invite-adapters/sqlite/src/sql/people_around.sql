-- Everybody who has one of these ids, keys or contacts. ?1: organisation, ?2: [id, ...], ?3: user names,
-- ?4: employee numbers, ?5: external ids, ?6: e-mail addresses, ?7: phones
SELECT u.*
FROM (
    SELECT unhex(value) AS id FROM json_each(?2)
    UNION
    SELECT u.id FROM json_each(?3) AS w
    CROSS JOIN invite_user AS u ON u.organisation = ?1 AND u.username_key = w.value
    UNION
    SELECT u.id FROM json_each(?4) AS w
    CROSS JOIN invite_user AS u ON u.organisation = ?1 AND u.employee_number_key = w.value
    UNION
    SELECT u.id FROM json_each(?5) AS w
    CROSS JOIN invite_user AS u ON u.organisation = ?1 AND u.external_id_key = w.value
    UNION
    SELECT u.id FROM json_each(?6) AS w
    CROSS JOIN invite_user AS u ON u.organisation = ?1 AND u.email_key = w.value
    UNION
    SELECT u.id FROM json_each(?7) AS w
    CROSS JOIN invite_user AS u ON u.organisation = ?1 AND u.phone = w.value
) AS w
CROSS JOIN invite_user AS u ON u.organisation = ?1 AND u.id = w.id
