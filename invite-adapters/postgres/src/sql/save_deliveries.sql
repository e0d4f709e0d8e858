UPDATE invite.delivery AS d
SET
    lane = w.lane,
    state = w.state,
    reason = w.reason,
    attempts = w.attempts,
    unseen = w.unseen,
    suspect = w.suspect,
    first_attempt_at = w.first_attempt_at,
    due_at = w.due_at,
    waits_for = w.waits_for,
    early = w.early,
    token = w.token,
    lease_until = w.lease_until,
    alone = w.alone,
    answer = w.answer,
    receipt = w.receipt,
    sent_at = w.sent_at,
    changed_at = w.changed_at
FROM unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::boolean[], $8::timestamptz[],
    $9::timestamptz[], $10::text[], $11::text[], $12::uuid[], $13::timestamptz[], $14::boolean[], $15::jsonb[],
    $16::text[], $17::timestamptz[], $18::timestamptz[]
) AS w (
    id, lane, state, reason, attempts, unseen, suspect, first_attempt_at, due_at, waits_for, early, token, lease_until,
    alone, answer, receipt, sent_at, changed_at
)
WHERE d.id = w.id
