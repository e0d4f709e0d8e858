-- $1: one object for each invitation
INSERT INTO invite.invitation
    (organisation, id, user_id, batch, state, reason, created_at, expires_at, announced, salt)
SELECT
    (value ->> 'organisation')::uuid, (value ->> 'id')::uuid, (value ->> 'user_id')::uuid, (value ->> 'batch')::uuid,
    value ->> 'state', value ->> 'reason', value ->> 'created_at', value ->> 'expires_at', value ->> 'announced',
    (value ->> 'salt')::uuid
FROM jsonb_array_elements($1) WITH ORDINALITY AS w (value, key)
WHERE true
ON CONFLICT (organisation, id) DO UPDATE
SET
    state = excluded.state,
    reason = excluded.reason,
    expires_at = excluded.expires_at,
    closed_at = NULL,
    announced = excluded.announced,
    salt = excluded.salt
