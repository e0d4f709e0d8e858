-- Batches of four organisations, as large as it takes for the planner to choose indexes by what they are worth.
INSERT INTO invite.organisation (id, alias, settings) SELECT md5('o' || o)::uuid, 'o' || o, '{}' FROM generate_series(1, 4) AS o;
INSERT INTO invite.lane (sender, account, sender_key, account_key, destination_prefix)
    SELECT 's' || l, 'a' || l, 'sender:s' || l, 'account:a' || l, 'to:s' || l || ':' FROM generate_series(1, 3) AS l;
INSERT INTO invite.batch (organisation, id, action, by_id, channels, state, planned_by, inviter, planned_at, complete, expires_at,
    confirmed_order, not_before, finished, templates, totals)
    SELECT md5('o' || b % 4 + 1)::uuid, md5('b' || b)::uuid, 'invite', false, 'email', 'running', '{}', '', now(), true, now(),
        b, now(), b > 8, '{}', '{}' FROM generate_series(1, 40) AS b;
INSERT INTO invite.batch_lane (organisation, batch, lane) SELECT organisation, id, 1 + confirmed_order % 3 FROM invite.batch;
INSERT INTO invite.user (organisation, id, first_name, last_name, username, employee_number, external_id, email, phone, role, deactivated,
    elsewhere, username_key, employee_number_key, external_id_key, email_key, search_text)
    SELECT md5('o' || u % 4 + 1)::uuid, md5('u' || u)::uuid, 'F' || u, 'L' || u, 'u' || u, 'e' || u, 'x' || u, 'm' || u, '+' || u, 'member', false,
        false, 'u' || u, 'e' || u, 'x' || u, 'm' || u, 'u' || u FROM generate_series(1, 10000) AS u;
INSERT INTO invite.person (organisation, user_id) SELECT organisation, id FROM invite.user;
INSERT INTO invite.item (organisation, batch, user_id, decision, channels, invitation, credential, generation, administrator)
    SELECT md5('o' || b % 4 + 1)::uuid, md5('b' || b)::uuid, md5('u' || u)::uuid, 'send', 'email', md5('i' || b || '-' || u)::uuid, 'set_up_link', 1, false
    FROM generate_series(1, 40) AS b, generate_series(1, 10000) AS u WHERE u % 4 = b % 4 AND u / 4 % 10 = b / 4 % 10;
INSERT INTO invite.invitation (organisation, id, user_id, batch, state, created_at, expires_at, announced)
    SELECT organisation, invitation, user_id, batch, CASE WHEN get_byte(uuid_send(user_id), 3) < 128 THEN 'accepted' ELSE 'pending' END, now(), now(), false
    FROM invite.item;
INSERT INTO invite.credential (organisation, invitation, generation, id, batch, kind, digest, minted_at, expires_at)
    SELECT organisation, invitation, 1, md5('c' || invitation)::uuid, batch, 'set_up_link', decode(md5('c' || invitation), 'hex'), now(), now() FROM invite.item;
INSERT INTO invite.delivery (organisation, batch, id, user_id, invitation, channel, address, address_key, destination, lane, state, attempts,
    unseen, suspect, due_at, changed_at)
    SELECT i.organisation, i.batch, md5('d' || i.invitation)::uuid, i.user_id, i.invitation, 'email', 'a', 'a' || i.user_id,
        'example' || get_byte(uuid_send(i.user_id), 2) % 20 || '.com', l.lane,
        CASE WHEN b.finished THEN 'sent' ELSE 'queued' END, 1, 0, false, now() + get_byte(uuid_send(i.user_id), 1) * interval '1 minute', now()
    FROM invite.item AS i JOIN invite.batch AS b ON b.organisation = i.organisation AND b.id = i.batch
    JOIN invite.batch_lane AS l ON l.organisation = i.organisation AND l.batch = i.batch;
UPDATE invite.delivery SET state = 'failed', reason = 'recipient_refused' WHERE get_byte(uuid_send(id), 0) < 8;
UPDATE invite.delivery SET suspect = true WHERE state = 'queued' AND get_byte(uuid_send(id), 0) = 8;
