-- $1: organisation, $2: batch, $3: one object for each item
INSERT INTO invite.item
    (organisation, batch, user_id, decision, reason, channels, invitation, credential, administrator, wording)
SELECT
    $1, $2, (value ->> 'user_id')::uuid, value ->> 'decision', value ->> 'reason', value ->> 'channels',
    (value ->> 'invitation')::uuid, value ->> 'credential', value ->> 'administrator',
    value ->> 'wording'
FROM jsonb_array_elements($3) WITH ORDINALITY AS w (value, key)
