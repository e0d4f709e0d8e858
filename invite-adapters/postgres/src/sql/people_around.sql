-- Everybody who has one of these ids, keys or contacts; key by key, as in messages_of.sql. $1: organisation, $2: ids,
-- $3: user names, $4: employee numbers, $5: external ids, $6: e-mail addresses, $7: phones
SELECT u.*
FROM (
    SELECT w.id FROM unnest($2::uuid[]) AS w (id)
    UNION
    SELECT u.id FROM unnest($3::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.username_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($4::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.employee_number_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($5::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.external_id_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($6::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.email_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($7::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.phone = w.key OFFSET 0
    ) AS u
) AS w
CROSS JOIN LATERAL (SELECT * FROM invite.user AS u WHERE u.organisation = $1 AND u.id = w.id OFFSET 0) AS u
