-- $1: one object for each credential
INSERT INTO invite.credential
    (organisation, invitation, generation, id, batch, kind, password, digest, sealed, minted_at, expires_at)
SELECT
    (value ->> 'organisation')::uuid, (value ->> 'invitation')::uuid, value ->> 'generation', (value ->> 'id')::uuid,
    (value ->> 'batch')::uuid, value ->> 'kind', value ->> 'password', (value ->> 'digest')::uuid,
    (value ->> 'sealed')::uuid, value ->> 'minted_at', value ->> 'expires_at'
FROM jsonb_array_elements($1) WITH ORDINALITY AS w (value, key)
