-- $1: organisation, $2: one object for each person, by the names of the columns. Password and times of sign-in stay as they are.
INSERT INTO invite.user
    (organisation, id, first_name, last_name, username, employee_number, external_id, email, phone, locale, time_zone,
     prefers, role, group_name, sign_in, deactivated, elsewhere, deactivated_at, returned_at, username_key,
     employee_number_key, external_id_key, email_key, group_key, search_text)
SELECT
    $1, id, first_name, last_name, username, employee_number, external_id, email, phone, locale, time_zone,
    prefers, role, group_name, sign_in, deactivated, elsewhere, deactivated_at, returned_at, username_key,
    employee_number_key, external_id_key, email_key, group_key, search_text
FROM jsonb_populate_recordset(NULL::invite.user, $2)
ON CONFLICT (organisation, id) DO UPDATE
SET
    first_name = excluded.first_name,
    last_name = excluded.last_name,
    username = excluded.username,
    employee_number = excluded.employee_number,
    external_id = excluded.external_id,
    email = excluded.email,
    phone = excluded.phone,
    locale = excluded.locale,
    time_zone = excluded.time_zone,
    prefers = excluded.prefers,
    role = excluded.role,
    group_name = excluded.group_name,
    sign_in = excluded.sign_in,
    deactivated = excluded.deactivated,
    elsewhere = excluded.elsewhere,
    deactivated_at = excluded.deactivated_at,
    returned_at = excluded.returned_at,
    username_key = excluded.username_key,
    employee_number_key = excluded.employee_number_key,
    external_id_key = excluded.external_id_key,
    email_key = excluded.email_key,
    group_key = excluded.group_key,
    search_text = excluded.search_text
