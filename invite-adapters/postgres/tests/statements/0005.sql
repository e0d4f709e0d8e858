-- $1: deliveries
SELECT
    d.*, l.sender, l.account, i.decision, i.reason AS skip_reason, i.credential, i.generation,
    v.state AS invitation_state, v.reason AS invitation_reason, vb.state AS invitation_batch_state
FROM unnest($1::uuid[]) AS w (id)
JOIN invite.delivery AS d ON d.id = w.id
JOIN invite.lane AS l ON l.number = d.lane
JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
LEFT JOIN invite.invitation AS v ON v.organisation = d.organisation AND v.id = d.invitation
LEFT JOIN invite.batch AS vb ON vb.organisation = v.organisation AND vb.id = v.batch
ORDER BY d.id
FOR UPDATE OF d

;
-- $1: now, $2: batch, $3: lane, $4: destinations that are stopped, $5: at most, $6: those that are taken already
SELECT d.id
FROM invite.delivery AS d
WHERE d.batch = $2
    AND d.lane = $3
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.destination <> ALL($4)
    AND d.id <> ALL($6)
ORDER BY d.due_at
LIMIT $5
FOR UPDATE SKIP LOCKED

;
-- $1: now, $2: whether senders that are blocked are tried, $3: senders that have no room. Suspects are few and have an index;
-- OFFSET 0 keeps the server from looking for them among all that their batches have on the way.
SELECT d.id, l.sender
FROM invite.delivery AS d
CROSS JOIN LATERAL (
    SELECT * FROM invite.batch AS b WHERE b.organisation = d.organisation AND b.id = d.batch OFFSET 0
) AS b
CROSS JOIN LATERAL (SELECT * FROM invite.lane AS l WHERE l.number = d.lane OFFSET 0) AS l
WHERE d.state = 'queued'
    AND d.suspect
    AND d.due_at <= $1
    AND b.state = 'running'
    AND b.not_before <= $1
    AND l.sender <> ALL($3)
    AND (b.pilot_until IS NULL OR d.id <= b.pilot_until)
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
            AND (p.next_at > $1 OR (p.kind = 'blocked' AND NOT $2))
    )
ORDER BY d.due_at
LIMIT 1
FOR UPDATE OF d SKIP LOCKED

;
-- $1: organisation, $2: batch, $3: the state, $4: now, then a column each of the deliveries
INSERT INTO invite.delivery
    (organisation, batch, id, user_id, invitation, channel, address, address_key, destination, lane, state, attempts,
     unseen, suspect, due_at, changed_at)
SELECT $1, $2, w.*, $3, 0, 0, false, $4, $4
FROM unnest($5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[]) AS w

;
-- $1: organisation, $2: batch, $3: whether any password would be reset; how many of its recipients share the address of a
-- message: without those whose password would be reset, and with them. The messages are gone through once, however many
-- share an address.
WITH shared AS (
    SELECT channel, address_key, array_agg(user_id) AS people
    FROM invite.delivery
    WHERE organisation = $1 AND batch = $2 AND address_key IS NOT NULL
    GROUP BY channel, address_key
    HAVING count(*) > 1
), sharing AS (
    SELECT
        w.user_id, s.channel, s.address_key,
        $3 AND (
            SELECT i.decision = 'send_with_reset' FROM invite.item AS i
            WHERE i.organisation = $1 AND i.batch = $2 AND i.user_id = w.user_id
        ) AS is_reset
    FROM shared AS s CROSS JOIN LATERAL unnest(s.people) AS w (user_id)
)
SELECT
    count(DISTINCT user_id) FILTER (WHERE NOT is_reset AND not_reset > 1) AS without_resets,
    count(DISTINCT user_id) AS with_resets
FROM (
    SELECT
        user_id, is_reset,
        count(*) FILTER (WHERE NOT is_reset) OVER (PARTITION BY channel, address_key) AS not_reset
    FROM sharing
) AS people

;
-- $1: organisation, $2: batch, then a column each of the items
INSERT INTO invite.item
    (organisation, batch, user_id, decision, reason, channels, invitation, credential, administrator, wording)
SELECT $1, $2, w.*
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::boolean[], $10::jsonb[]) AS w

;
-- $1: organisation, $2: one object for each person, by the names of the columns. Password and times of sign-in stay as they are.
INSERT INTO invite.user
    (organisation, id, first_name, last_name, username, employee_number, external_id, email, phone, locale, time_zone,
     prefers, role, group_name, sign_in, deactivated, elsewhere, deactivated_at, returned_at, username_key,
     employee_number_key, external_id_key, email_key, group_key, search_text)
SELECT
    $1, id, first_name, last_name, username, employee_number, external_id, email, phone, locale, time_zone,
    prefers, role, group_name, sign_in, deactivated, elsewhere, deactivated_at, returned_at, username_key,
    employee_number_key, external_id_key, email_key, group_key, search_text
FROM jsonb_populate_recordset(NULL::invite.user, $2)
ON CONFLICT (organisation, id) DO UPDATE
SET
    first_name = excluded.first_name,
    last_name = excluded.last_name,
    username = excluded.username,
    employee_number = excluded.employee_number,
    external_id = excluded.external_id,
    email = excluded.email,
    phone = excluded.phone,
    locale = excluded.locale,
    time_zone = excluded.time_zone,
    prefers = excluded.prefers,
    role = excluded.role,
    group_name = excluded.group_name,
    sign_in = excluded.sign_in,
    deactivated = excluded.deactivated,
    elsewhere = excluded.elsewhere,
    deactivated_at = excluded.deactivated_at,
    returned_at = excluded.returned_at,
    username_key = excluded.username_key,
    employee_number_key = excluded.employee_number_key,
    external_id_key = excluded.external_id_key,
    email_key = excluded.email_key,
    group_key = excluded.group_key,
    search_text = excluded.search_text

;
-- $1: organisation, $2: user_id, $3: now. OFFSET 0: it is about this person's invitations, not all that are open.
SELECT c.id, c.invitation, c.generation, c.password, c.expires_at, v.salt
FROM (SELECT * FROM invite.invitation AS v WHERE v.organisation = $1 AND v.user_id = $2 OFFSET 0) AS v
JOIN invite.batch AS vb ON vb.organisation = v.organisation AND vb.id = v.batch
JOIN invite.credential AS c ON c.organisation = v.organisation AND c.invitation = v.id
JOIN invite.batch AS cb ON cb.organisation = c.organisation AND cb.id = c.batch
WHERE v.state = 'pending'
    AND v.salt IS NOT NULL
    AND vb.state <> 'recalled'
    AND cb.state <> 'recalled'
    AND c.password IS NOT NULL
    AND c.expires_at > $3
    AND NOT EXISTS (
        SELECT 1
        FROM invite.credential AS o
        WHERE o.organisation = c.organisation AND o.invitation = c.invitation AND o.used_at IS NOT NULL
    )
ORDER BY c.minted_at DESC, c.generation DESC, c.id DESC

;
-- $1: organisation, $2: whose
SELECT
    d.id, d.user_id, d.batch, d.invitation, d.channel, d.state, d.sent_at, d.changed_at,
    b.action, b.confirmed_order, b.state AS batch_state
FROM unnest($2::uuid[]) AS w (user_id)
-- Person by person, and then the batches: in tables that were not counted yet it looks cheaper to go through all messages of
-- the organisation's batches. OFFSET 0 leaves no other way.
CROSS JOIN LATERAL (
    SELECT * FROM invite.delivery AS d WHERE d.organisation = $1 AND d.user_id = w.user_id OFFSET 0
) AS d
CROSS JOIN LATERAL (
    SELECT * FROM invite.batch AS b WHERE b.organisation = $1 AND b.id = d.batch OFFSET 0
) AS b
-- Of messages of one batch the last is the newest, as their ids have it.
ORDER BY d.user_id, d.id

;
-- $1: organisation, $2: whose; person by person, as in messages_of.sql
SELECT
    v.id, v.user_id, v.batch, v.state, v.reason, v.created_at, v.expires_at, b.action, b.state AS batch_state
FROM unnest($2::uuid[]) AS w (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.invitation AS v WHERE v.organisation = $1 AND v.user_id = w.user_id OFFSET 0
) AS v
CROSS JOIN LATERAL (
    SELECT * FROM invite.batch AS b WHERE b.organisation = $1 AND b.id = v.batch OFFSET 0
) AS b

;
-- $1: organisation, $2: whose; person by person, as in messages_of.sql
SELECT p.user_id, p.came_at, b.state IS NOT NULL AND b.state <> 'recalled' AS retired
FROM unnest($2::uuid[]) AS w (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.user_id OFFSET 0
) AS p
LEFT JOIN invite.invitation AS v ON v.organisation = $1 AND v.id = p.retired_by
LEFT JOIN invite.batch AS b ON b.organisation = $1 AND b.id = v.batch

;
-- $1: organisation, then a column each of people, channels and the keys of addresses; address by address, as in
-- messages_of.sql
SELECT w.user_id, w.channel
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS w (user_id, channel, address_key)
CROSS JOIN LATERAL (
    SELECT 1 FROM invite.suppression AS s
    WHERE s.organisation = $1 AND s.channel = w.channel AND s.address_key = w.address_key
    OFFSET 0
) AS s

;
-- $1: organisations, $2: batches, $3: people, place by place. Item by item, and then the credentials, as in messages_of.sql.
UPDATE invite.credential AS c
SET sealed = NULL
FROM (
    SELECT i.organisation, i.invitation, i.generation
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, batch, user_id)
    JOIN invite.item AS i ON i.organisation = w.organisation AND i.batch = w.batch AND i.user_id = w.user_id
    -- Of this invitation's messages, not of all that are on their way.
    WHERE NOT EXISTS (
        SELECT 1
        FROM (
            SELECT * FROM invite.delivery AS d
            WHERE d.organisation = i.organisation AND d.invitation = i.invitation
            OFFSET 0
        ) AS d
        WHERE d.batch = i.batch AND d.state IN ('queued', 'claimed', 'handing_over')
    )
    OFFSET 0
) AS i
WHERE c.organisation = i.organisation
    AND c.invitation = i.invitation
    AND c.generation = i.generation
    AND c.sealed IS NOT NULL

;
-- $1: organisations, $2: batches, place by place, $3: now. The last messages of a batch leave last: they are looked for first.
UPDATE invite.batch AS b
SET finished = true, finished_at = $3
FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
WHERE b.organisation = w.organisation
    AND b.id = w.id
    AND NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND (
        SELECT d.id
        FROM invite.delivery AS d
        WHERE d.organisation = b.organisation
            AND d.batch = b.id
            AND d.state IN ('queued', 'claimed', 'handing_over')
        ORDER BY d.organisation DESC, d.batch DESC, d.id DESC
        LIMIT 1
    ) IS NULL
RETURNING b.organisation, b.id

;
-- $1: organisations, $2: invitations, place by place
SELECT v.*, b.state AS batch_state
FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
JOIN invite.invitation AS v ON v.organisation = w.organisation AND v.id = w.id
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch

;
-- $1: organisations, $2: people, $3: invitations, place by place
SELECT p.organisation, p.user_id, p.retired_by
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, user_id, invitation)
JOIN invite.person AS p
    ON p.organisation = w.organisation AND p.user_id = w.user_id AND p.retired_by = w.invitation
JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
WHERE b.state = 'recalled'
    OR (
        NOT EXISTS (
            SELECT 1
            FROM invite.delivery AS d
            JOIN invite.batch AS of ON of.organisation = d.organisation AND of.id = d.batch
            WHERE d.organisation = v.organisation
                AND d.invitation = v.id
                AND d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')
                AND of.confirmed_order IS NOT NULL
        )
        AND NOT EXISTS (
            SELECT 1
            FROM invite.credential AS c
            WHERE c.organisation = v.organisation
                AND c.invitation = v.id
                AND (c.reserved_at IS NOT NULL OR c.used_at IS NOT NULL)
        )
    )

;
-- $1: organisations, $2: people, place by place; person by person, as in messages_of.sql
SELECT v.*, b.state AS batch_state
FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, user_id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.invitation AS v WHERE v.organisation = w.organisation AND v.user_id = w.user_id OFFSET 0
) AS v
JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
WHERE v.state IN ('pending', 'expired')
ORDER BY v.created_at, v.id

;
-- Agrees with PeopleFilter::matches. $1: organisation, $2: after, $3: group, $4: role, $5: deactivated, $6: text,
-- $7: at most
SELECT *
FROM invite.user
WHERE organisation = $1
    AND id > $2
    AND ($3::text IS NULL OR group_key = $3)
    AND ($4::text IS NULL OR role = $4)
    AND ($5::boolean IS NULL OR deactivated = $5)
    AND ($6::text IS NULL OR strpos(search_text, $6) > 0)
ORDER BY id
LIMIT $7

;
-- As due_of_lane.sql, of a batch that goes to its pilot only.
-- $1: now, $2: batch, $3: lane, $4: destinations that are stopped, $5: at most, $6: those that are taken already,
-- $7: organisation, $8: the pilot's last message
SELECT d.id
FROM invite.delivery AS d
WHERE d.organisation = $7
    AND d.batch = $2
    AND d.id <= $8
    AND d.state IN ('queued', 'claimed', 'handing_over')
    AND d.state = 'queued'
    AND d.lane = $3
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.destination <> ALL($4)
    AND d.id <> ALL($6)
ORDER BY d.id
LIMIT $5
FOR UPDATE SKIP LOCKED

;
-- As waits_by_destination.sql, where nothing stops a destination: of those that are due, each figure is a range of an index.
-- $1: now, $2: organisation, $3: batch, $4: the last message of a pilot that goes on
SELECT
    l.account_key, l.sender_key, l.destination_prefix AS destination_key, false AS beyond_pilot, NULL::text AS waits_for,
    (
        SELECT count(*)
        FROM invite.delivery AS d
        WHERE d.batch = bl.batch
            AND d.lane = l.number
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND coalesce(d.id <= $4, true)
    ) AS messages,
    $1::timestamptz AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
WHERE bl.organisation = $2 AND bl.batch = $3
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix AS destination_key, true AS beyond_pilot, NULL::text AS waits_for,
    (
        SELECT count(*)
        FROM invite.delivery AS d
        WHERE d.batch = bl.batch
            AND d.lane = l.number
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND d.id > $4
    ) AS messages,
    $1::timestamptz AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
WHERE bl.organisation = $2 AND bl.batch = $3 AND $4 IS NOT NULL
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, count(*) AS messages, min(d.due_at) AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = bl.batch AND d.lane = l.number
WHERE bl.organisation = $2 AND bl.batch = $3 AND d.state = 'queued' AND NOT d.suspect AND d.due_at > $1
GROUP BY l.number, beyond_pilot, d.waits_for
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, 1::bigint AS messages, d.due_at
FROM invite.delivery AS d
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.organisation = $2 AND d.batch = $3 AND d.state = 'queued' AND d.suspect

;
-- Everybody who has one of these ids, keys or contacts; key by key, as in messages_of.sql. $1: organisation, $2: ids,
-- $3: user names, $4: employee numbers, $5: external ids, $6: e-mail addresses, $7: phones
SELECT u.*
FROM (
    SELECT w.id FROM unnest($2::uuid[]) AS w (id)
    UNION
    SELECT u.id FROM unnest($3::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.username_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($4::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.employee_number_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($5::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.external_id_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($6::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.email_key = w.key OFFSET 0
    ) AS u
    UNION
    SELECT u.id FROM unnest($7::text[]) AS w (key)
    CROSS JOIN LATERAL (
        SELECT u.id FROM invite.user AS u WHERE u.organisation = $1 AND u.phone = w.key OFFSET 0
    ) AS u
) AS w
CROSS JOIN LATERAL (SELECT * FROM invite.user AS u WHERE u.organisation = $1 AND u.id = w.id OFFSET 0) AS u

;
-- Failed or unknown messages of a batch. $1: organisation, $2: batch, $3: after, $4: failed, $5: unknown, $6: not changed
-- after, $7: at most
SELECT d.id
FROM invite.delivery AS d
WHERE d.organisation = $1
    AND d.batch = $2
    AND d.id > $3
    AND d.state IN ('failed', 'unknown')
    AND (($4 AND d.state = 'failed') OR ($5 AND d.state = 'unknown'))
    AND d.changed_at <= $6
ORDER BY d.id
LIMIT $7

;
-- How the confirmed batches stand that have messages on their way.
SELECT b.state, b.paused_because, b.not_before, b.pilot_until IS NOT NULL AS goes_to_pilot
FROM invite.batch AS b
WHERE NOT b.finished AND b.confirmed_order IS NOT NULL

;
-- One message of a pilot that is due and that a pause stops.
-- $1: now, $2: sender, $3: account, $4: destination, $5: those that are taken already
SELECT d.id
FROM invite.batch AS b
JOIN invite.delivery AS d
    ON d.organisation = b.organisation AND d.batch = b.id AND d.id <= b.pilot_until
JOIN invite.lane AS l ON l.number = d.lane
WHERE NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.not_before <= $1
    AND (l.sender = $2::text OR l.account = $3::text)
    AND ($4::text IS NULL OR d.destination = $4)
    AND d.state IN ('queued', 'claimed', 'handing_over')
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.id <> ALL($5)
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > $1
    )
LIMIT 1
FOR UPDATE OF d SKIP LOCKED

;
-- One message that is due and that a pause of a destination stops.
-- $1: now, $2: sender, $3: destination, $4: those that are taken already
SELECT d.id
FROM invite.lane AS l
JOIN invite.delivery AS d ON d.lane = l.number
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
WHERE l.sender = $2
    AND d.destination = $3
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.id <> ALL($4)
    AND b.state = 'running'
    AND b.pilot_until IS NULL
    AND b.not_before <= $1
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > $1
    )
LIMIT 1
FOR UPDATE OF d SKIP LOCKED

;
-- One message that is due and that a pause of a sender or of an account stops.
-- $1: now, $2: sender, $3: account, $4: those that are taken already
SELECT d.id
FROM invite.lane AS l
JOIN invite.batch_lane AS bl ON bl.lane = l.number
JOIN invite.batch AS b ON b.organisation = bl.organisation AND b.id = bl.batch
JOIN invite.delivery AS d ON d.batch = b.id AND d.lane = l.number
WHERE (l.sender = $2::text OR l.account = $3::text)
    AND NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.pilot_until IS NULL
    AND b.not_before <= $1
    AND d.state = 'queued'
    AND NOT d.suspect
    AND d.due_at <= $1
    AND d.id <> ALL($4)
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination) AND p.next_at > $1
    )
LIMIT 1
FOR UPDATE OF d SKIP LOCKED

;
-- People of an organisation under SSO, who sign in by its default and have something open that carries a credential;
-- person by person, as in messages_of.sql.
-- $1: organisation, $2: at most
SELECT u.*
FROM invite.user AS u
WHERE u.organisation = $1
    AND u.sign_in IS NULL
    AND (
        EXISTS (
            SELECT 1
            FROM (
                SELECT * FROM invite.invitation AS v
                WHERE v.organisation = u.organisation AND v.user_id = u.id
                OFFSET 0
            ) AS v
            WHERE v.state IN ('pending', 'expired') AND NOT v.announced
        )
        OR EXISTS (
            SELECT 1
            FROM (
                SELECT * FROM invite.delivery AS d
                WHERE d.organisation = u.organisation AND d.user_id = u.id
                OFFSET 0
            ) AS d
            JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
            WHERE d.state IN ('queued', 'claimed') AND i.credential IS NOT NULL
        )
    )
LIMIT $2

;
-- Since when the message is due that could be claimed now and was due first. $1: now
SELECT min(since) AS since
FROM (
    SELECT greatest(b.not_before, d.due_at) AS since
    FROM invite.batch AS b
    JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
    JOIN invite.lane AS l ON l.number = bl.lane
    CROSS JOIN LATERAL (
        SELECT d.due_at
        FROM invite.delivery AS d
        WHERE d.batch = b.id
            AND d.lane = l.number
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND NOT EXISTS (
                SELECT 1
                FROM invite.sender_pause AS p
                WHERE p.pause_key = l.destination_prefix || d.destination AND (p.kind = 'blocked' OR p.next_at > $1)
            )
        ORDER BY d.due_at
        LIMIT 1
    ) AS d
    WHERE NOT b.finished
        AND b.confirmed_order IS NOT NULL
        AND b.state = 'running'
        AND b.pilot_until IS NULL
        AND b.not_before <= $1
        AND NOT EXISTS (
            SELECT 1
            FROM invite.sender_pause AS p
            WHERE p.pause_key IN (l.account_key, l.sender_key) AND (p.kind = 'blocked' OR p.next_at > $1)
        )
    UNION ALL
    SELECT greatest(b.not_before, d.due_at) AS since
    FROM invite.batch AS b
    CROSS JOIN LATERAL (
        SELECT min(d.due_at) AS due_at
        FROM invite.delivery AS d
        JOIN invite.lane AS l ON l.number = d.lane
        WHERE d.organisation = b.organisation
            AND d.batch = b.id
            AND d.id <= b.pilot_until
            AND d.state IN ('queued', 'claimed', 'handing_over')
            AND d.state = 'queued'
            AND NOT d.suspect
            AND d.due_at <= $1
            AND NOT EXISTS (
                SELECT 1
                FROM invite.sender_pause AS p
                WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
                    AND (p.kind = 'blocked' OR p.next_at > $1)
            )
    ) AS d
    WHERE NOT b.finished
        AND b.confirmed_order IS NOT NULL
        AND b.state = 'running'
        AND b.pilot_until IS NOT NULL
        AND b.not_before <= $1
        AND d.due_at IS NOT NULL
    UNION ALL
    SELECT greatest(b.not_before, d.due_at) AS since
    FROM invite.delivery AS d
    JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
    JOIN invite.lane AS l ON l.number = d.lane
    WHERE d.state = 'queued'
        AND d.suspect
        AND d.due_at <= $1
        AND b.state = 'running'
        AND b.not_before <= $1
        AND (b.pilot_until IS NULL OR d.id <= b.pilot_until)
        AND NOT EXISTS (
            SELECT 1
            FROM invite.sender_pause AS p
            WHERE p.pause_key IN (l.account_key, l.sender_key, l.destination_prefix || d.destination)
                AND (p.kind = 'blocked' OR p.next_at > $1)
        )
) AS due

;
-- The lanes of open batches that have something due and are not stopped. $1: now
SELECT b.organisation, b.id, b.pilot_until, l.number, l.sender
FROM invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
JOIN invite.lane AS l ON l.number = bl.lane
WHERE NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state = 'running'
    AND b.not_before <= $1
    AND NOT EXISTS (
        SELECT 1
        FROM invite.sender_pause AS p
        WHERE p.pause_key IN (l.account_key, l.sender_key) AND (p.kind = 'blocked' OR p.next_at > $1)
    )
    AND CASE
        WHEN b.pilot_until IS NULL THEN EXISTS (
            SELECT 1
            FROM invite.delivery AS d
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect AND d.due_at <= $1
        )
        ELSE EXISTS (
            SELECT 1
            FROM invite.delivery AS d
            WHERE d.organisation = b.organisation
                AND d.batch = b.id
                AND d.id <= b.pilot_until
                AND d.state IN ('queued', 'claimed', 'handing_over')
                AND d.state = 'queued'
                AND d.lane = l.number
                AND NOT d.suspect
                AND d.due_at <= $1
        )
    END
ORDER BY b.organisation, b.confirmed_order, l.number

;
-- The messages that say to which addresses people's invitations go; person by person, as in messages_of.sql.
-- $1: organisation, $2: people
SELECT
    d.id, d.user_id, d.invitation, d.channel, d.address, d.state, i.credential,
    EXISTS (
        SELECT 1 FROM invite.invitation AS v WHERE v.organisation = d.organisation AND v.id = d.invitation
    ) AS begun
FROM unnest($2::uuid[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT * FROM invite.delivery AS d WHERE d.organisation = $1 AND d.user_id = w.id OFFSET 0
) AS d
JOIN invite.item AS i ON i.organisation = d.organisation AND i.batch = d.batch AND i.user_id = d.user_id
WHERE d.state IN ('queued', 'claimed', 'handing_over', 'sent', 'delivered', 'complained', 'unknown')

;
-- What is queued in confirmed batches that go on, by its destination. $1: now
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    coalesce(d.id > b.pilot_until, false) AS beyond_pilot,
    count(*) AS all_of_it, count(*) FILTER (WHERE d.due_at <= $1) AS due, min(CASE WHEN d.due_at > $1 THEN d.due_at END) AS next_due_at
FROM invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = b.id AND d.lane = l.number
WHERE NOT b.finished
    AND b.confirmed_order IS NOT NULL
    AND b.state IN ('running', 'paused')
    AND d.state = 'queued'
    AND NOT d.suspect
GROUP BY b.organisation, b.id, l.number, d.destination, beyond_pilot
UNION ALL
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    coalesce(d.id > b.pilot_until, false) AS beyond_pilot,
    1::bigint AS all_of_it, (d.due_at <= $1)::int::bigint AS due, CASE WHEN d.due_at > $1 THEN d.due_at END AS next_due_at
FROM invite.delivery AS d
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.state = 'queued' AND d.suspect AND b.confirmed_order IS NOT NULL AND b.state IN ('running', 'paused')

;
-- What is queued in confirmed batches that go on, lane by lane, where nothing stops a destination: each figure is a range of
-- an index. $1: now
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, '' AS destination, false AS beyond_pilot,
    (
        SELECT count(*)
        FROM invite.delivery AS d
        WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect
    ) AS all_of_it,
    CASE
        WHEN b.pilot_until IS NULL THEN (
            SELECT count(*)
            FROM invite.delivery AS d
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect AND d.due_at <= $1
        )
        ELSE (
            SELECT count(*)
            FROM invite.delivery AS d
            WHERE d.organisation = b.organisation
                AND d.batch = b.id
                AND d.id <= b.pilot_until
                AND d.state IN ('queued', 'claimed', 'handing_over')
                AND d.state = 'queued'
                AND d.lane = l.number
                AND NOT d.suspect
                AND d.due_at <= $1
        )
    END AS due,
    CASE
        WHEN b.pilot_until IS NULL THEN (
            SELECT min(d.due_at)
            FROM invite.delivery AS d
            WHERE d.batch = b.id AND d.lane = l.number AND d.state = 'queued' AND NOT d.suspect AND d.due_at > $1
        )
        ELSE (
            SELECT min(d.due_at)
            FROM invite.delivery AS d
            WHERE d.organisation = b.organisation
                AND d.batch = b.id
                AND d.id <= b.pilot_until
                AND d.state IN ('queued', 'claimed', 'handing_over')
                AND d.state = 'queued'
                AND d.lane = l.number
                AND NOT d.suspect
                AND d.due_at > $1
        )
    END AS next_due_at
FROM invite.batch AS b
JOIN invite.batch_lane AS bl ON bl.organisation = b.organisation AND bl.batch = b.id
JOIN invite.lane AS l ON l.number = bl.lane
WHERE NOT b.finished AND b.confirmed_order IS NOT NULL AND b.state IN ('running', 'paused')
UNION ALL
SELECT
    b.state, b.not_before, l.account_key, l.sender_key, l.destination_prefix, d.destination,
    coalesce(d.id > b.pilot_until, false) AS beyond_pilot,
    1::bigint AS all_of_it, (d.due_at <= $1)::int::bigint AS due, CASE WHEN d.due_at > $1 THEN d.due_at END AS next_due_at
FROM invite.delivery AS d
JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.state = 'queued' AND d.suspect AND b.confirmed_order IS NOT NULL AND b.state IN ('running', 'paused')

;
-- Why the queued messages of a batch wait: those that are due, by what may stop them; then the others, and the suspects.
-- $1: now, $2: organisation, $3: batch, $4: the last message of a pilot that goes on
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, NULL::text AS waits_for, count(*) AS messages, min(d.due_at) AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = bl.batch AND d.lane = l.number
WHERE bl.organisation = $2 AND bl.batch = $3 AND d.state = 'queued' AND NOT d.suspect AND d.due_at <= $1
GROUP BY l.number, d.destination, beyond_pilot
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, count(*) AS messages, min(d.due_at) AS due_at
FROM invite.batch_lane AS bl
JOIN invite.lane AS l ON l.number = bl.lane
JOIN invite.delivery AS d ON d.batch = bl.batch AND d.lane = l.number
WHERE bl.organisation = $2 AND bl.batch = $3 AND d.state = 'queued' AND NOT d.suspect AND d.due_at > $1
GROUP BY l.number, d.destination, beyond_pilot, d.waits_for
UNION ALL
SELECT
    l.account_key, l.sender_key, l.destination_prefix || d.destination AS destination_key,
    coalesce(d.id > $4, false) AS beyond_pilot, d.waits_for, 1::bigint AS messages, d.due_at
FROM invite.delivery AS d
JOIN invite.lane AS l ON l.number = d.lane
WHERE d.organisation = $2 AND d.batch = $3 AND d.state = 'queued' AND d.suspect

;
DELETE FROM invite.audit WHERE number = ANY (ARRAY(
                     SELECT number FROM (SELECT number, at FROM invite.audit ORDER BY number LIMIT $1) AS oldest
                     WHERE at <= $2))
;
DELETE FROM invite.batch WHERE organisation = $1 AND id = $2 AND $3 > 0
;
DELETE FROM invite.batch_lane WHERE organisation = $1 AND batch = $2 AND $3 > 0
;
DELETE FROM invite.delivery WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM invite.delivery WHERE organisation = $1 AND batch = $2 LIMIT $3))
;
DELETE FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND user_id = $3
;
DELETE FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND user_id IN (
                 SELECT user_id FROM invite.item
                 WHERE organisation = $1 AND batch = $2 AND decision = 'send_with_reset')
;
DELETE FROM invite.event WHERE cursor <= $1
;
DELETE FROM invite.fallback AS f
                 USING unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, batch, user_id)
                 WHERE f.organisation = w.organisation AND f.batch = w.batch AND f.user_id = w.user_id
                     AND NOT EXISTS (SELECT 1 FROM invite.invitation AS v
                         WHERE v.organisation = f.organisation AND v.id = f.invitation
                             AND v.state NOT IN ('pending', 'expired'))
                 RETURNING f.*
;
DELETE FROM invite.fallback WHERE organisation = $1 AND batch = $2
;
DELETE FROM invite.fallback WHERE organisation = $1 AND batch = $2 AND user_id = $3
;
DELETE FROM invite.fallback WHERE organisation = $1 AND batch = $2 AND user_id IN (
                 SELECT user_id FROM invite.item
                 WHERE organisation = $1 AND batch = $2 AND decision = 'send_with_reset')
;
DELETE FROM invite.fallback WHERE organisation = $1 AND user_id = $2
;
DELETE FROM invite.fresh_request WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM invite.fresh_request WHERE at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
;
DELETE FROM invite.guess WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM invite.guess WHERE last_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
;
DELETE FROM invite.guess WHERE organisation = $1 AND user_id = $2
;
DELETE FROM invite.guess WHERE organisation = $1 AND user_id = $2 AND source = $3
;
DELETE FROM invite.import WHERE organisation = $1 AND id = $2 AND dry_run
;
DELETE FROM invite.import_key WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM invite.import_key WHERE organisation = $1 AND import = $2 LIMIT $3))
                 AND organisation = $1 AND import = $2
;
DELETE FROM invite.import_key WHERE organisation = $1
                 AND import IN (SELECT id FROM invite.import WHERE organisation = $1 AND runs)
                 AND person_key = ANY($2)
;
DELETE FROM invite.import_line WHERE organisation = $1 AND user_id = $2
;
DELETE FROM invite.import_missing WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM invite.import_missing WHERE organisation = $1 AND import = $2 LIMIT $3))
                 AND organisation = $1 AND import = $2
;
DELETE FROM invite.import_missing WHERE organisation = $1 AND import = $2 AND user_id IN (
                 SELECT user_id FROM invite.import_missing WHERE organisation = $1 AND import = $2 LIMIT $3)
             RETURNING user_id
;
DELETE FROM invite.import_missing WHERE organisation = $1 AND user_id = $2
;
DELETE FROM invite.import_row WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM invite.import_row WHERE organisation = $1 AND import = $2 LIMIT $3))
                 AND organisation = $1 AND import = $2
;
DELETE FROM invite.import_row WHERE organisation = $1 AND import = $2 AND line IN (
                 SELECT line FROM invite.import_row WHERE organisation = $1 AND import = $2 ORDER BY line LIMIT $3)
             RETURNING person
;
DELETE FROM invite.import_row WHERE organisation = $1 AND user_id = $2
;
DELETE FROM invite.item WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM invite.item WHERE organisation = $1 AND batch = $2 LIMIT $3))
;
DELETE FROM invite.person WHERE organisation = $1 AND user_id = $2
;
DELETE FROM invite.person WHERE organisation = $1 AND user_id = $2
                 AND (came_at IS NOT NULL OR retired_by IS NOT NULL)
;
DELETE FROM invite.refusal WHERE sender = $1
;
DELETE FROM invite.selection WHERE organisation = $1 AND batch = $2 AND $3 > 0
;
DELETE FROM invite.sender_pause WHERE pause_key = $1
;
DELETE FROM invite.sender_pause WHERE pause_key IN (
                 SELECT pause_key FROM invite.sender_pause
                 WHERE kind = 'throttled' AND next_at <= $1 FOR UPDATE SKIP LOCKED)
;
DELETE FROM invite.suppression
                 WHERE organisation = $1 AND channel = $2 AND address_key = $3 AND reason = ANY($4)
;
DELETE FROM invite.suppression AS s
             WHERE organisation = $1 AND channel = $2 AND address_key = $3
                 AND NOT EXISTS (SELECT 1 FROM invite.user AS u
                     WHERE u.organisation = $1 AND u.email_key = $3 AND $2 = 'email')
                 AND NOT EXISTS (SELECT 1 FROM invite.user AS u
                     WHERE u.organisation = $1 AND u.phone = $3 AND $2 = 'sms')
                 AND NOT EXISTS (SELECT 1 FROM invite.delivery AS d
                     WHERE d.organisation = $1 AND d.channel = $2 AND d.address_key = $3)
             RETURNING reason, since_at
;
DELETE FROM invite.text_message AS t USING unnest($1::uuid[], $2::uuid[]) AS w (organisation, delivery)
             WHERE t.organisation = w.organisation AND t.delivery = w.delivery
;
DELETE FROM invite.text_message WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM invite.text_message WHERE at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
;
DELETE FROM invite.user WHERE organisation = $1 AND id = $2 RETURNING *
;
INSERT INTO invite.audit (organisation, at, actor, what, subject, details) VALUES ($1, $2, $3, $4, $5, $6)
;
INSERT INTO invite.batch (organisation, id, action, by_id, channels, state, planned_by, inviter,
                 planned_at, complete, expires_at, templates, totals)
             VALUES ($1, $2, $3, $4, $5, 'planned', $6, $7, $8, false, $9, $10, $11)
;
INSERT INTO invite.batch_lane (organisation, batch, lane) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
;
INSERT INTO invite.count (counted, shard, value)
             SELECT w.counted, w.shard, w.added
             FROM unnest($1::text[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS w (counted, shard, added, place)
             ORDER BY w.place
             ON CONFLICT (counted, shard) DO UPDATE SET value = count.value + excluded.value
;
INSERT INTO invite.credential
    (organisation, invitation, generation, id, batch, kind, password, digest, sealed, minted_at, expires_at)
SELECT *
FROM unnest(
    $1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
    $10::timestamptz[], $11::timestamptz[]
)

;
INSERT INTO invite.event (organisation, at, what)
             SELECT w.organisation, $3, w.what
             FROM unnest($1::uuid[], $2::jsonb[]) WITH ORDINALITY AS w (organisation, what, place) ORDER BY w.place
;
INSERT INTO invite.fallback
                 (organisation, batch, user_id, invitation, channel, address, address_key, destination, lane)
             SELECT $1, $2, w.*
             FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[]) AS w
;
INSERT INTO invite.fresh_request (organisation, asked, at) VALUES ($1, $2, $3)
;
INSERT INTO invite.guess (organisation, user_id, source, failures, last_at) VALUES ($1, $2, $3, 0, $4)
             ON CONFLICT DO NOTHING
;
INSERT INTO invite.hashed_suppression (organisation, channel, hash, reason, since_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
;
INSERT INTO invite.import
                 (organisation, id, file_name, actor, mode, dry_run, reactivates, began_at, complete, runs, kept)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, true, NOT $6) ON CONFLICT DO NOTHING
;
INSERT INTO invite.import_key (organisation, import, person_key, line)
             SELECT $1, $2, w.key, w.line FROM unnest($3::text[], $4::bigint[]) AS w (key, line)
             ON CONFLICT DO NOTHING
;
INSERT INTO invite.import_line (organisation, user_id, import, line, created, changes, at)
             SELECT $1, user_id, $2, line, created, changes, $4
             FROM jsonb_populate_recordset(NULL::invite.import_line, $3) ON CONFLICT DO NOTHING
;
INSERT INTO invite.import_missing (organisation, import, user_id)
             SELECT $1, $2, w.id FROM unnest($3::uuid[]) AS w (id) ON CONFLICT DO NOTHING
;
INSERT INTO invite.import_row (organisation, import, line, user_id, person)
             SELECT $1, $2, line, user_id, person FROM jsonb_populate_recordset(NULL::invite.import_row, $3)
             ON CONFLICT DO NOTHING
;
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

;
INSERT INTO invite.lane (sender, account, sender_key, account_key, destination_prefix)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (sender, account) DO UPDATE SET sender = excluded.sender RETURNING number
;
INSERT INTO invite.organisation (id, alias, settings, to_sweep) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE
             SET alias = excluded.alias, settings = excluded.settings, to_sweep = excluded.to_sweep
;
INSERT INTO invite.person (organisation, user_id)
             SELECT $1, w.id FROM (SELECT DISTINCT w.id FROM unnest($2::uuid[]) AS w (id)) AS w
             ORDER BY w.id ON CONFLICT DO NOTHING
;
INSERT INTO invite.person (organisation, user_id, retired_by, retired_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organisation, user_id) DO UPDATE
             SET retired_by = excluded.retired_by, retired_at = excluded.retired_at
             WHERE person.retired_by IS DISTINCT FROM excluded.retired_by
;
INSERT INTO invite.person AS p (organisation, user_id, came_at)
             SELECT $1, w.id, max(w.at) FROM unnest($2::uuid[], $3::timestamptz[]) AS w (id, at)
             GROUP BY w.id ORDER BY w.id
             ON CONFLICT (organisation, user_id) DO UPDATE SET came_at = greatest(p.came_at, excluded.came_at)
;
INSERT INTO invite.refusal (sender, delivery, answer) SELECT $1, w.id, $3 FROM unnest($2::uuid[]) AS w (id)
;
INSERT INTO invite.selection (organisation, batch, selection) VALUES ($1, $2, $3)
;
INSERT INTO invite.sender_pace AS p (sender, spacing, next_at) VALUES ($1, 0, $2)
                 ON CONFLICT (sender) DO UPDATE SET spacing = p.spacing
                 RETURNING p.spacing, p.next_at
;
INSERT INTO invite.sender_pause (pause_key, covers, kind, answer, since_at, next_at)
             VALUES ($1, $2, $3, $4, $5, coalesce($6::timestamptz, 'infinity'))
             ON CONFLICT (pause_key) DO UPDATE SET covers = excluded.covers, kind = excluded.kind,
                 answer = excluded.answer, since_at = excluded.since_at, next_at = excluded.next_at
;
INSERT INTO invite.suppression (organisation, channel, address_key, reason, since_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
;
INSERT INTO invite.template (organisation, template, version, source, saved_at, saved_by)
             SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 FROM invite.template
             WHERE organisation = $1 AND template = $2
             RETURNING version
;
INSERT INTO invite.text_message (organisation, delivery, number, at)
             SELECT w.*, $4 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w
             ON CONFLICT (organisation, delivery) DO UPDATE SET number = excluded.number, at = excluded.at
;
INSERT INTO invite.turn (organisation) SELECT $1 WHERE NOT EXISTS (SELECT FROM invite.turn)
             ON CONFLICT DO NOTHING
;
SELECT * FROM invite.audit WHERE organisation = $1 AND (subject = $2 OR strpos(actor::text, $2) > 0)
         ORDER BY number
;
SELECT * FROM invite.audit WHERE organisation = $1 AND number < $2 ORDER BY number DESC LIMIT $3
;
SELECT * FROM invite.event WHERE organisation = $1 AND strpos(what::text, $2) > 0 AND cursor IS NOT NULL
             ORDER BY cursor
;
SELECT * FROM invite.import WHERE organisation = $1 AND id < $2 AND NOT dry_run ORDER BY id DESC LIMIT $3
;
SELECT * FROM invite.item WHERE organisation = $1 AND batch = $2 AND user_id = $3
;
SELECT * FROM invite.item WHERE organisation = $1 AND batch = $2 AND user_id > $3 ORDER BY user_id LIMIT $4
;
SELECT * FROM invite.person WHERE organisation = $1 AND user_id = $2
;
SELECT * FROM invite.sender_pause ORDER BY pause_key
;
SELECT * FROM invite.suppression WHERE organisation = $1 AND (channel, address_key) > ($2, $3)
             ORDER BY channel, address_key LIMIT $4
;
SELECT * FROM invite.user WHERE organisation = $1 AND email_key = $2 LIMIT 2
;
SELECT * FROM invite.user WHERE organisation = $1 AND employee_number_key = $2 LIMIT 2
;
SELECT * FROM invite.user WHERE organisation = $1 AND phone = $2 LIMIT 2
;
SELECT * FROM invite.user WHERE organisation = $1 AND username_key = $2 LIMIT 2
;
SELECT 1 FROM (SELECT DISTINCT w.id FROM unnest($2::uuid[]) AS w (id) ORDER BY w.id) AS w
             CROSS JOIN LATERAL (
                 SELECT 1 FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.id FOR UPDATE
             ) AS p
;
SELECT 1 FROM (SELECT DISTINCT w.id FROM unnest($2::uuid[]) AS w (id) ORDER BY w.id) AS w
             CROSS JOIN LATERAL (
                 SELECT 1 FROM invite.user AS u WHERE u.organisation = $1 AND u.id = w.id FOR UPDATE
             ) AS u
;
SELECT 1 FROM invite.delivery AS d
                     JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
                     WHERE d.organisation = $1 AND d.channel = $2 AND d.address_key = $3
                         AND d.reason = 'recipient_refused' AND d.state = 'failed' AND b.confirmed_order < $4
                     LIMIT 1
;
SELECT 1 FROM invite.event WHERE cursor IS NULL LIMIT 1
;
SELECT 1 FROM invite.hashed_suppression WHERE organisation = $1 LIMIT 1
;
SELECT 1 FROM invite.organisation WHERE alias = $1 AND id <> $2
;
SELECT 1 FROM invite.organisation WHERE id = $1 FOR UPDATE
;
SELECT 1 FROM invite.person AS p
             JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE p.organisation = $1 AND p.user_id = $2 AND b.state <> 'recalled'
;
SELECT 1 FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             JOIN invite.batch AS b ON b.organisation = w.organisation AND b.id = w.id
             ORDER BY b.organisation, b.id FOR NO KEY UPDATE OF b
;
SELECT DISTINCT answer FROM invite.refusal
;
SELECT DISTINCT channel, address_key FROM invite.delivery
             WHERE organisation = $1 AND user_id = $2 AND address_key IS NOT NULL
;
SELECT FROM invite.batch WHERE organisation = $1 AND id = $2 FOR UPDATE
;
SELECT FROM invite.organisation WHERE id = $1 FOR NO KEY UPDATE
;
SELECT at FROM invite.audit
             WHERE organisation = $1 AND actor = $2 AND what = 'test_sent' AND at > $3
             ORDER BY at DESC LIMIT 1 OFFSET $4
;
SELECT at FROM invite.event WHERE cursor IS NULL ORDER BY written LIMIT 1
;
SELECT at FROM invite.text_message WHERE organisation = $1 AND at > $2
                     ORDER BY at DESC LIMIT $3
;
SELECT b.*, s.selection FROM invite.batch AS b
             JOIN invite.selection AS s ON s.organisation = b.organisation AND s.batch = b.id
             WHERE b.organisation = $1 AND b.id < $2 ORDER BY b.id DESC LIMIT $3
;
SELECT b.*, s.selection FROM invite.batch AS b
             JOIN invite.selection AS s ON s.organisation = b.organisation AND s.batch = b.id
             WHERE b.organisation = $1 AND b.id = $2
;
SELECT b.*, s.selection FROM invite.batch AS b
         JOIN invite.selection AS s ON s.organisation = b.organisation AND s.batch = b.id
         WHERE b.organisation = $1 AND b.id = $2
;
SELECT b.action FROM invite.item AS i
             JOIN invite.batch AS b ON b.organisation = i.organisation AND b.id = i.batch
             WHERE i.organisation = $1 AND i.batch = $2 AND i.user_id = $3 AND i.decision = 'send_with_reset'
;
SELECT b.organisation, b.id, b.state, b.action, b.by_id, b.channels, b.confirmed_order, b.resets,
             b.planned_by, b.confirmed_by
         FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
         JOIN invite.batch AS b ON b.organisation = w.organisation AND b.id = w.id
         ORDER BY b.organisation, b.id
;
SELECT batch, selection FROM invite.selection
             WHERE organisation = $1 AND selection ? 'matching'
;
SELECT c.* FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, invitation)
             CROSS JOIN LATERAL (
                 SELECT * FROM invite.credential AS c
                 WHERE c.organisation = w.organisation AND c.invitation = w.invitation OFFSET 0
             ) AS c
             ORDER BY c.generation
;
SELECT c.*, b.state AS minting_state,
                (SELECT max(used_at) FROM invite.credential AS o
                 WHERE o.organisation = c.organisation AND o.invitation = c.invitation) AS any_used_at,
                (SELECT max(reservation) FROM invite.credential AS o
                 WHERE o.organisation = c.organisation AND o.invitation = c.invitation) AS last_reservation,
                (SELECT max(reserved_at) FROM invite.credential AS o
                 WHERE o.organisation = c.organisation AND o.invitation = c.invitation) AS last_reserved_at
         FROM invite.credential AS c
         JOIN invite.batch AS b ON b.organisation = c.organisation AND b.id = c.batch
         WHERE c.organisation = $1 AND c.id = $2
;
SELECT c.invitation, c.generation, c.minted_at, c.expires_at, c.used_at, c.sealed IS NOT NULL AS is_sealed
         FROM invite.invitation AS v
         JOIN invite.credential AS c ON c.organisation = v.organisation AND c.invitation = v.id
         WHERE v.organisation = $1 AND v.user_id = $2 ORDER BY v.created_at, v.id, c.generation
;
SELECT changes FROM invite.import_line WHERE organisation = $1 AND user_id = $2 AND changes IS NOT NULL
;
SELECT channel, count(*) AS messages FROM invite.delivery
                 WHERE organisation = $1 AND batch = $2 AND state IN ('queued', 'claimed', 'handing_over')
                 GROUP BY channel
;
SELECT count(*) AS accepted FROM invite.item AS i
         JOIN invite.invitation AS v ON v.organisation = i.organisation AND v.id = i.invitation
         WHERE i.organisation = $1 AND i.batch = $2 AND v.state = 'accepted'
;
SELECT count(*) AS leased FROM invite.delivery WHERE token IS NOT NULL
;
SELECT count(*) AS messages FROM invite.delivery
                 WHERE organisation = $1 AND batch = $2 AND state IN ('queued', 'claimed', 'handing_over')
;
SELECT count(*) AS requests, min(at) AS oldest
             FROM invite.fresh_request
             WHERE organisation = $1 AND asked = $2 AND at > $3
;
SELECT count(*) AS unsent FROM (
                 SELECT * FROM invite.delivery WHERE organisation = $1 AND user_id = $2 OFFSET 0
             ) AS d
             WHERE state IN ('queued', 'claimed')
;
SELECT count(DISTINCT user_id) AS sent,
                count(DISTINCT user_id) FILTER (WHERE state IN ('delivered', 'complained')) AS delivered
         FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND sent_at IS NOT NULL
;
SELECT counted, sum(value)::bigint AS value FROM invite.count GROUP BY counted
;
SELECT d.*, b.state AS batch_state FROM invite.delivery AS d
             JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
             WHERE d.organisation = $1 AND d.batch = $2 AND d.id > $3 ORDER BY d.id LIMIT $4
;
SELECT d.*, b.state AS batch_state FROM invite.delivery AS d
         JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
         WHERE d.organisation = $1 AND d.user_id = $2 ORDER BY d.id
;
SELECT d.id FROM (
                 SELECT * FROM invite.delivery AS d WHERE d.organisation = $1 AND d.user_id = $2 OFFSET 0
             ) AS d
             JOIN invite.batch AS b ON b.organisation = d.organisation AND b.id = d.batch
             WHERE d.state IN ('queued', 'claimed') AND b.confirmed_order IS NOT NULL
;
SELECT d.id, d.organisation, d.batch, d.user_id FROM unnest($1::uuid[]) AS w (id)
                 JOIN invite.delivery AS d ON d.id = w.id
;
SELECT failures, wait_until FROM invite.guess
             WHERE organisation = $1 AND user_id = $2 AND source = $3 FOR UPDATE
;
SELECT i.user_id, i.decision, i.reason, i.channels, i.invitation, i.batch
         FROM invite.item AS i
         WHERE i.organisation = $1 AND i.user_id = $2 ORDER BY i.batch
;
SELECT id FROM (
                 SELECT * FROM invite.delivery WHERE organisation = $1 AND invitation = $2 OFFSET 0
             ) AS d
             WHERE state IN ('queued', 'claimed')
;
SELECT id FROM invite.delivery
                 WHERE organisation = $1 AND batch = $2 AND state IN ('queued', 'claimed', 'handing_over')
                     AND state <> 'handing_over'
                 LIMIT $3
;
SELECT id FROM invite.delivery WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2
;
SELECT id FROM invite.delivery WHERE organisation = $1 AND batch = $2 AND id > $3
                 ORDER BY id LIMIT $4
;
SELECT id FROM invite.delivery WHERE organisation = $1 AND user_id = $2
;
SELECT id FROM invite.organisation WHERE to_sweep LIMIT 1
;
SELECT id, alias, settings FROM invite.organisation WHERE alias = $1
;
SELECT id, alias, settings FROM invite.organisation WHERE id = $1
;
SELECT id, alias, settings FROM invite.organisation WHERE id > $1 ORDER BY id LIMIT $2
;
SELECT id, deactivated FROM invite.user WHERE organisation = $1 AND id > $2 ORDER BY id LIMIT $3
;
SELECT id, user_id FROM invite.invitation
                 WHERE organisation = $1 AND batch = $2 AND state IN ('pending', 'expired') LIMIT $3
;
SELECT invitation FROM invite.item WHERE organisation = $1 AND batch = $2 AND user_id = $3
;
SELECT k.person_key, k.line FROM unnest($3::text[]) AS w (key)
                 CROSS JOIN LATERAL (
                     SELECT * FROM invite.import_key AS k
                     WHERE k.organisation = $1 AND k.import = $2 AND k.person_key = w.key OFFSET 0
                 ) AS k
;
SELECT l.*, i.file_name, i.actor FROM invite.import_line AS l
         JOIN invite.import AS i ON i.organisation = l.organisation AND i.id = l.import
         WHERE l.organisation = $1 AND l.user_id = $2 ORDER BY l.at, l.import, l.line
;
SELECT last_user FROM invite.batch WHERE organisation = $1 AND id = $2 FOR UPDATE
;
SELECT max(cursor) AS until FROM (
                     SELECT cursor, bool_and(at <= $2) OVER (ORDER BY cursor) AS goes FROM (
                         SELECT cursor, at FROM invite.event WHERE cursor IS NOT NULL ORDER BY cursor LIMIT $1
                     ) AS oldest
                 ) AS beginning WHERE goes
;
SELECT number FROM invite.lane WHERE sender = $1 AND account = $2
;
SELECT organisation FROM invite.turn WHERE one
;
SELECT organisation, id FROM invite.batch WHERE state = 'planned' AND expires_at < $1
                 ORDER BY expires_at LIMIT 1 FOR UPDATE SKIP LOCKED
;
SELECT organisation, id FROM invite.import
             WHERE kept AND began_at < $1 ORDER BY began_at LIMIT 1
;
SELECT organisation, id FROM invite.import
             WHERE runs AND began_at < $1 ORDER BY began_at LIMIT 1
;
SELECT organisation, id, contacts_removed_to FROM invite.batch
                 WHERE finished_at IS NOT NULL AND NOT contacts_removed AND finished_at <= $1
                     AND (finished OR confirmed_order IS NULL)
                 ORDER BY finished_at LIMIT 1 FOR UPDATE SKIP LOCKED
;
SELECT organisation, id, digest FROM invite.credential WHERE digest = $1
;
SELECT organisation, id, state, action FROM invite.batch WHERE to_sweep LIMIT 1
;
SELECT p.user_id FROM unnest($2::uuid[]) AS w (id)
             CROSS JOIN LATERAL (
                 SELECT * FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.id OFFSET 0
             ) AS p
             JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
             WHERE b.state <> 'recalled'
;
SELECT p.user_id, p.retired_by FROM invite.person AS p
                 JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
                 WHERE p.organisation = $1 AND p.retired_by IS NOT NULL AND v.batch = $2
                     AND v.state NOT IN ('pending', 'expired')
                 LIMIT $3
;
SELECT p.user_id, p.retired_by, p.retired_at, b.state <> 'recalled' AS in_force
             FROM unnest($2::uuid[]) AS w (id)
             CROSS JOIN LATERAL (
                 SELECT * FROM invite.person AS p WHERE p.organisation = $1 AND p.user_id = w.id OFFSET 0
             ) AS p
             JOIN invite.invitation AS v ON v.organisation = p.organisation AND v.id = p.retired_by
             JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
;
SELECT password_credential, password_reservation FROM invite.user
     WHERE organisation = $1 AND id = $2 AND NOT deactivated
;
SELECT password_credential, password_reservation FROM invite.user
     WHERE organisation = $1 AND id = $2 AND NOT deactivated FOR UPDATE
;
SELECT pause_key, answer FROM invite.sender_pause ORDER BY pause_key FOR UPDATE
;
SELECT pg_advisory_xact_lock(hashtextextended('invite.' || $1 || coalesce($2::text, ''), 0))
;
SELECT pg_try_advisory_xact_lock(hashtextextended('invite.' || $1 || coalesce($2::text, ''), 0)) AS got
;
SELECT pg_try_advisory_xact_lock(hashtextextended('invite.sweep', $1)) AS taken
;
SELECT removed.until, e.* FROM invite.events_removed AS removed
                     LEFT JOIN (
                         SELECT * FROM invite.event WHERE cursor > $1 ORDER BY cursor LIMIT $2
                     ) AS e ON true ORDER BY e.cursor
;
SELECT s.* FROM unnest($2::text[], $3::text[]) AS w (channel, address_key) JOIN invite.suppression AS s
             ON s.organisation = $1 AND s.channel = w.channel AND s.address_key = w.address_key
;
SELECT sender, delivery, answer FROM invite.refusal ORDER BY sender, delivery
;
SELECT sender, spacing, next_at FROM invite.sender_pace
;
SELECT settings FROM invite.organisation WHERE id = $1
;
SELECT settings FROM invite.organisation WHERE id = $1 FOR KEY SHARE
;
SELECT settings FROM invite.organisation WHERE id = $1 FOR NO KEY UPDATE
;
SELECT source, failures, last_at FROM invite.guess WHERE organisation = $1 AND user_id = $2 ORDER BY source
;
SELECT state FROM invite.batch WHERE organisation = $1 AND id = $2 FOR KEY SHARE
;
SELECT state, count(*) AS messages FROM invite.delivery
             WHERE organisation = $1 AND batch = $2 AND id <= $3 GROUP BY state
;
SELECT state, not_before, pilot_until FROM invite.batch
         WHERE organisation = $1 AND id = $2 AND confirmed_order IS NOT NULL AND NOT finished
;
SELECT state, outcomes, hard_failures FROM invite.batch WHERE organisation = $1 AND id = $2
;
SELECT state, reason, count(*) AS messages FROM invite.delivery
         WHERE organisation = $1 AND batch = $2 GROUP BY state, reason
;
SELECT state, totals FROM invite.batch WHERE organisation = $1 AND id = $2
;
SELECT t.number, t.at FROM unnest($2::text[]) AS w (number)
                     CROSS JOIN LATERAL (
                         SELECT * FROM invite.text_message AS t
                         WHERE t.organisation = $1 AND t.number = w.number AND t.at > $3 OFFSET 0
                     ) AS t
;
SELECT template, version, built_in, saved_at, saved_by FROM (
             SELECT DISTINCT ON (template) template, version, source IS NULL AS built_in, saved_at, saved_by
             FROM invite.template WHERE organisation = $1 ORDER BY template, version DESC
         ) AS newest WHERE NOT built_in ORDER BY template
;
SELECT u.* FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place)
                 LEFT JOIN LATERAL (
                     SELECT * FROM invite.user AS u WHERE u.organisation = $1 AND u.id = w.id OFFSET 0
                 ) AS u ON true
                 ORDER BY w.place
;
SELECT undone_at, began_at, kept FROM invite.import
                 WHERE organisation = $1 AND id = $2 AND NOT dry_run
;
SELECT user_id, created, changes, at, undone FROM invite.import_line
             WHERE organisation = $1 AND import = $2 AND user_id > $3 ORDER BY user_id LIMIT $4
;
SELECT v.*, b.state AS batch_state FROM invite.invitation AS v
                 JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
                 WHERE v.organisation = $1 AND v.id = ANY ($2)
                 ORDER BY v.id FOR UPDATE OF v
;
SELECT v.*, b.state AS batch_state FROM invite.invitation AS v
         JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
         WHERE v.organisation = $1 AND v.id = $2
;
SELECT v.*, b.state AS batch_state, b.stopped_at FROM invite.invitation AS v
         JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
         WHERE v.organisation = $1 AND v.user_id = $2 ORDER BY v.created_at, v.id
;
SELECT v.organisation, v.id, v.user_id FROM invite.invitation AS v
                 JOIN invite.batch AS b ON b.organisation = v.organisation AND b.id = v.batch
                 WHERE v.state = 'pending' AND v.expires_at <= $1 AND b.state <> 'recalled'
                 ORDER BY v.expires_at LIMIT $2
;
SELECT version, source FROM invite.template
             WHERE organisation = $1 AND template = $2 AND version = coalesce($3, (
                 SELECT max(version) FROM invite.template WHERE organisation = $1 AND template = $2))
;
SELECT version, source IS NULL AS built_in, saved_at, saved_by FROM invite.template
             WHERE organisation = $1 AND template = $2 AND version < $3 ORDER BY version DESC LIMIT $4
;
SELECT version, works_from FROM invite.schema_version ORDER BY version
;
SELECT written, what FROM invite.event WHERE what ->> 'event' IN ('sender_paused', 'batch_paused')
;
UPDATE invite.batch AS b
                 SET finished_at = greatest(b.planned_at, b.confirmed_at, b.stopped_at, (
                     SELECT max(d.changed_at) FROM invite.delivery AS d
                     WHERE d.organisation = b.organisation AND d.batch = b.id))
                 FROM (
                     SELECT organisation, id FROM invite.batch
                     WHERE finished_at IS NULL AND (finished OR (confirmed_order IS NULL AND stopped_at IS NOT NULL))
                     LIMIT 1
                 ) AS undated
                 WHERE b.organisation = undated.organisation AND b.id = undated.id AND b.finished_at IS NULL
                     AND (b.finished OR (b.confirmed_order IS NULL AND b.stopped_at IS NOT NULL))
;
UPDATE invite.batch AS b SET finished = false, finished_at = NULL
             FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             WHERE b.organisation = w.organisation AND b.id = w.id AND b.finished
;
UPDATE invite.batch SET contacts_removed_to = coalesce($3, contacts_removed_to), contacts_removed = $4
             WHERE organisation = $1 AND id = $2
;
UPDATE invite.batch SET finished = false, finished_at = NULL WHERE organisation = $1 AND id = $2
;
UPDATE invite.batch SET inviter = $1 WHERE organisation = $2 AND strpos(planned_by::text, $3) > 0
                 AND inviter <> $1
;
UPDATE invite.batch SET last_user = $1, complete = $2, totals = $3 WHERE organisation = $4 AND id = $5
;
UPDATE invite.batch SET pilot = $3, pilot_until = (
                 SELECT d.id FROM invite.delivery AS d
                 WHERE d.organisation = $1 AND d.batch = $2 AND d.user_id = (
                     SELECT i.user_id FROM invite.item AS i
                     WHERE i.organisation = $1 AND i.batch = $2 AND i.decision <> 'skip'
                     ORDER BY i.user_id LIMIT 1 OFFSET $3::bigint - 1)
                 ORDER BY d.id DESC LIMIT 1)
             WHERE organisation = $1 AND id = $2
;
UPDATE invite.batch SET state = $1, paused_because = NULL, stopped_at = $2, to_sweep = true,
                 finished_at = CASE WHEN confirmed_order IS NULL THEN $2 ELSE finished_at END
             WHERE organisation = $3 AND id = $4
;
UPDATE invite.batch SET state = $3, paused_because = coalesce($4, paused_because),
                     outcomes = $5, hard_failures = $6
                 WHERE organisation = $1 AND id = $2
;
UPDATE invite.batch SET state = 'paused', paused_because = $1 WHERE organisation = $2 AND id = $3
;
UPDATE invite.batch SET state = 'running', confirmed_by = $1, confirmed_at = $2, resets = $3,
                 not_before = $4, totals = $5,
                 confirmed_order = nextval('invite.confirmed_order')
             WHERE organisation = $6 AND id = $7 AND state = 'planned'
;
UPDATE invite.batch SET state = 'running', paused_because = NULL, outcomes = 0, hard_failures = 0
             WHERE organisation = $1 AND id = $2
;
UPDATE invite.batch SET to_sweep = false WHERE organisation = $1 AND id = $2 AND state = $3
;
UPDATE invite.credential AS c SET sealed = NULL
             FROM (
                 SELECT i.organisation, i.invitation, i.generation
                 FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (organisation, batch, user_id)
                 JOIN invite.item AS i
                     ON i.organisation = w.organisation AND i.batch = w.batch AND i.user_id = w.user_id
                 OFFSET 0
             ) AS i
             WHERE c.organisation = i.organisation AND c.invitation = i.invitation AND c.generation = i.generation
                 AND c.sealed IS NOT NULL
;
UPDATE invite.credential AS c SET sealed = NULL, expires_at = least(c.expires_at, $4)
             FROM unnest($3::uuid[]) AS w (user_id)
             CROSS JOIN LATERAL (
                 SELECT i.invitation, i.generation FROM invite.item AS i
                 WHERE i.organisation = $1 AND i.batch = $2 AND i.user_id = w.user_id AND i.generation IS NOT NULL
                 OFFSET 0
             ) AS i
             WHERE c.organisation = $1 AND c.invitation = i.invitation AND c.generation = i.generation
;
UPDATE invite.credential SET reservation = $1, reserved_at = $2 WHERE organisation = $3 AND id = $4
;
UPDATE invite.credential SET sealed = NULL
             WHERE organisation = $1 AND invitation = $2 AND sealed IS NOT NULL
;
UPDATE invite.credential SET sealed = NULL WHERE organisation = $1 AND invitation = $2 AND generation = $3
;
UPDATE invite.credential SET used_at = $1 WHERE organisation = $2 AND id = $3
;
UPDATE invite.delivery
                 SET address = NULL, address_key = NULL, destination = '', answer = NULL, receipt = NULL
                 WHERE organisation = $1 AND batch = $2 AND id BETWEEN $3 AND $4
;
UPDATE invite.delivery
             SET address = NULL, address_key = NULL, destination = '', answer = NULL, receipt = NULL
             WHERE organisation = $1 AND user_id = $2 AND address IS NOT NULL
;
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

;
UPDATE invite.delivery SET lease_until = $1
                 WHERE token = $2 AND lease_until > $3
;
UPDATE invite.event SET what = $1 WHERE written = $2
;
UPDATE invite.events_removed SET until = $1 WHERE one
;
UPDATE invite.guess SET failures = $4, wait_until = $5, last_at = $6
             WHERE organisation = $1 AND user_id = $2 AND source = $3
;
UPDATE invite.import SET ended_at = $1, complete = $2, figures = $3, runs = false
             WHERE organisation = $4 AND id = $5 AND NOT dry_run
;
UPDATE invite.import SET kept = false WHERE organisation = $1 AND id = $2
;
UPDATE invite.import SET runs = false WHERE organisation = $1 AND id = $2
;
UPDATE invite.import SET undone_at = $1, undone_by = $2 WHERE organisation = $3 AND id = $4
;
UPDATE invite.import_line AS l SET undone = true
             FROM (
                 SELECT $1::uuid AS organisation, $2::uuid AS import, w.id FROM unnest($3::uuid[]) AS w (id) OFFSET 0
             ) AS w
             WHERE l.organisation = w.organisation AND l.import = w.import AND l.user_id = w.id
;
UPDATE invite.import_line SET changes = NULL
                     WHERE changes IS NOT NULL AND ctid = ANY(ARRAY(
                         SELECT ctid FROM invite.import_line
                         WHERE organisation = $1 AND import = $2 AND changes IS NOT NULL LIMIT $3))
;
UPDATE invite.invitation AS v SET told = true
             FROM unnest($1::uuid[], $2::uuid[]) AS w (organisation, id)
             WHERE v.organisation = w.organisation AND v.id = w.id
;
UPDATE invite.invitation SET state = $1, reason = $2, closed_at = $3 WHERE organisation = $4 AND id = $5
;
UPDATE invite.item AS i SET generation = w.generation
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) AS w (organisation, batch, user_id, generation)
             WHERE i.organisation = w.organisation AND i.batch = w.batch AND i.user_id = w.user_id
;
UPDATE invite.item SET decision = 'skip', reason = $1, channels = '', invitation = NULL, credential = NULL,
                 wording = NULL
             WHERE organisation = $2 AND batch = $3 AND decision = 'send_with_reset'
;
UPDATE invite.item SET decision = 'skip', reason = $1, channels = '', invitation = NULL, credential = NULL,
                 wording = NULL
             WHERE organisation = $2 AND batch = $3 AND user_id = $4
;
UPDATE invite.item SET generation = $1 WHERE organisation = $2 AND batch = $3 AND user_id = $4
;
UPDATE invite.organisation SET to_sweep = false WHERE id = $1
;
UPDATE invite.person SET retired_by = NULL, retired_at = NULL WHERE organisation = $1 AND user_id = $2
;
UPDATE invite.refusal SET answer = $1 WHERE answer = $2
;
UPDATE invite.selection SET selection = $1 WHERE organisation = $2 AND batch = $3
;
UPDATE invite.sender_pace SET spacing = $2, next_at = $3 WHERE sender = $1
;
UPDATE invite.sender_pause SET answer = $1 WHERE pause_key = $2
;
UPDATE invite.sender_pause SET next_at = $1
                 WHERE pause_key = ANY($2) AND kind = 'blocked' AND next_at <= $3
;
UPDATE invite.suppression SET reason = $1
                 WHERE organisation = $2 AND channel = $3 AND address_key = $4 AND reason = ANY($5)
;
UPDATE invite.turn AS t SET organisation = $1
             FROM (SELECT one FROM invite.turn FOR UPDATE SKIP LOCKED) AS free WHERE t.one = free.one
;
UPDATE invite.user AS u SET password = NULL
             FROM (SELECT $1::uuid AS organisation, w.id FROM unnest($2::uuid[]) AS w (id) OFFSET 0) AS w
             WHERE u.organisation = w.organisation AND u.id = w.id
;
UPDATE invite.user SET password = $1, password_credential = $2, password_reservation = $3
             WHERE organisation = $4 AND id = $5
;
UPDATE invite.user SET signed_in_at = $1, password = CASE WHEN password IS NOT NULL THEN coalesce($2, password) END
             WHERE organisation = $3 AND id = $4
;
WITH known AS (
                 DELETE FROM invite.hashed_suppression AS h
                 USING unnest($2::text[], $3::bytea[], $4::text[]) AS w (channel, hash, address_key)
                 WHERE h.organisation = $1 AND h.channel = w.channel AND h.hash = w.hash
                 RETURNING h.channel, w.address_key, h.reason, h.since_at
             )
             INSERT INTO invite.suppression (organisation, channel, address_key, reason, since_at)
             SELECT $1, channel, address_key, reason, since_at FROM known
             ORDER BY channel, address_key ON CONFLICT DO NOTHING
;
WITH new AS MATERIALIZED (
             SELECT written FROM invite.event WHERE cursor IS NULL ORDER BY written LIMIT $1
         ), numbered AS MATERIALIZED (
             SELECT written, nextval('invite.event_cursor_number') AS number FROM new
         )
         UPDATE invite.event AS e SET cursor = numbered.number FROM numbered WHERE e.written = numbered.written