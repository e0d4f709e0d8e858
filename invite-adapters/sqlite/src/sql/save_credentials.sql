-- ?1: one object for each credential
INSERT INTO invite_credential
    (organisation, invitation, generation, id, batch, kind, password, digest, sealed, minted_at, expires_at)
SELECT
    unhex(value ->> 'organisation'), unhex(value ->> 'invitation'), value ->> 'generation', unhex(value ->> 'id'),
    unhex(value ->> 'batch'), value ->> 'kind', value ->> 'password', unhex(value ->> 'digest'),
    unhex(value ->> 'sealed'), value ->> 'minted_at', value ->> 'expires_at'
FROM json_each(?1)
