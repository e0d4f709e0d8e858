-- ?1: one object for each invitation
INSERT INTO invite_invitation
    (organisation, id, user, batch, state, reason, created_at, expires_at, announced, salt)
SELECT
    unhex(value ->> 'organisation'), unhex(value ->> 'id'), unhex(value ->> 'user'), unhex(value ->> 'batch'),
    value ->> 'state', value ->> 'reason', value ->> 'created_at', value ->> 'expires_at', value ->> 'announced',
    unhex(value ->> 'salt')
FROM json_each(?1)
WHERE true
ON CONFLICT (organisation, id) DO UPDATE
SET
    state = excluded.state,
    reason = excluded.reason,
    expires_at = excluded.expires_at,
    closed_at = NULL,
    announced = excluded.announced,
    salt = excluded.salt
