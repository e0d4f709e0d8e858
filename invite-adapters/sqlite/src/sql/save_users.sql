-- ?1: organisation, ?2: one object for each person. Password and times of sign-in stay as they are.
INSERT INTO invite_user
    (organisation, id, first_name, last_name, username, employee_number, external_id, email, phone, locale, time_zone,
     prefers, role, group_name, sign_in, deactivated, elsewhere, deactivated_at, returned_at, username_key,
     employee_number_key, external_id_key, email_key, group_key, search_text)
SELECT
    ?1, unhex(value ->> 'id'), value ->> 'first_name', value ->> 'last_name', value ->> 'username',
    value ->> 'employee_number', value ->> 'external_id', value ->> 'email', value ->> 'phone', value ->> 'locale',
    value ->> 'time_zone', value ->> 'prefers', value ->> 'role', value ->> 'group_name', value ->> 'sign_in', value ->> 'deactivated',
    value ->> 'elsewhere', value ->> 'deactivated_at', value ->> 'returned_at', value ->> 'username_key',
    value ->> 'employee_number_key', value ->> 'external_id_key', value ->> 'email_key', value ->> 'group_key',
    value ->> 'search_text'
FROM json_each(?2)
WHERE true
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
