INSERT INTO invite.invitation
    (organisation, id, user_id, batch, state, reason, created_at, expires_at, announced, salt)
SELECT *
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::boolean[], $10::bytea[]
)
ON CONFLICT (organisation, id) DO UPDATE
SET
    state = excluded.state,
    reason = excluded.reason,
    expires_at = excluded.expires_at,
    closed_at = NULL,
    announced = excluded.announced,
    salt = excluded.salt
