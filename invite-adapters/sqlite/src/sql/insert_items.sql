-- ?1: organisation, ?2: batch, ?3: one object for each item
INSERT INTO invite_item
    (organisation, batch, user, decision, reason, channels, invitation, credential, administrator, wording)
SELECT
    ?1, ?2, unhex(value ->> 'user'), value ->> 'decision', value ->> 'reason', value ->> 'channels',
    unhex(value ->> 'invitation'), value ->> 'credential', value ->> 'administrator',
    value ->> 'wording'
FROM json_each(?3)
