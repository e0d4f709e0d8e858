INSERT INTO invite.credential
    (organisation, invitation, generation, id, batch, kind, password, digest, sealed, minted_at, expires_at)
SELECT *
FROM unnest(
    $1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
    $10::timestamptz[], $11::timestamptz[]
)
