-- $1: one object for each delivery
UPDATE invite.delivery
SET
    lane = v.value ->> 'lane',
    state = v.value ->> 'state',
    reason = v.value ->> 'reason',
    attempts = v.value ->> 'attempts',
    unseen = v.value ->> 'unseen',
    suspect = v.value ->> 'suspect',
    first_attempt_at = v.value ->> 'first_attempt_at',
    due_at = v.value ->> 'due_at',
    waits_for = v.value ->> 'waits_for',
    early = v.value ->> 'early',
    token = (v.value ->> 'token')::uuid,
    lease_until = v.value ->> 'lease_until',
    alone = v.value ->> 'alone',
    answer = v.value ->> 'answer',
    receipt = v.value ->> 'receipt',
    sent_at = v.value ->> 'sent_at',
    changed_at = v.value ->> 'changed_at'
FROM jsonb_array_elements($1) WITH ORDINALITY AS v (value, key)
WHERE invite.delivery.id = (v.value ->> 'id')::uuid
