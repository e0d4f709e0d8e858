-- To be run in one transaction; the schema has to be there (CREATE SCHEMA invite).
--
-- Everything is in the schema `invite`; where the host names another one, that name stands instead of it. Instants are on
-- this database's clock. Words (state, reason, channel, ...) are those that invite-core gives them. Columns that end in
-- _key are in lower case as Rust makes it, and text that has an order is ordered by its octets, as Rust orders it.

-- The files that were run. A program that knows fewer files than works_from does not work on the tables any more.
CREATE TABLE invite.schema_version (
    version bigint PRIMARY KEY,
    works_from bigint NOT NULL,
    applied_at timestamptz NOT NULL
);

CREATE TABLE invite.organisation (
    id uuid PRIMARY KEY,
    alias text NOT NULL UNIQUE,
    settings jsonb NOT NULL,
    -- From when it came under SSO until the sweep has revoked what its people still had.
    to_sweep boolean NOT NULL DEFAULT false
);

CREATE INDEX organisation_to_sweep ON invite.organisation (id) WHERE to_sweep;

CREATE TABLE invite.template (
    organisation uuid NOT NULL,
    template text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    source text, -- null: back to the built-in one
    saved_at timestamptz,
    saved_by jsonb,
    PRIMARY KEY (organisation, template, version)
);

-- People of our own.

CREATE TABLE invite.user (
    organisation uuid NOT NULL,
    id uuid NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    username text,
    employee_number text,
    external_id text,
    email text,
    phone text,
    locale text,
    time_zone text,
    role text NOT NULL,
    group_name text,
    sign_in text,
    deactivated boolean NOT NULL,
    elsewhere boolean NOT NULL,
    deactivated_at timestamptz,
    returned_at timestamptz,
    signed_in_at timestamptz,
    password text, -- PHC string
    password_credential uuid, -- the key under which it was set: credential and number of its reservation
    password_reservation bigint,
    username_key text COLLATE "C",
    employee_number_key text COLLATE "C",
    external_id_key text COLLATE "C",
    email_key text COLLATE "C",
    group_key text COLLATE "C",
    search_text text NOT NULL,
    PRIMARY KEY (organisation, id)
);

CREATE UNIQUE INDEX user_username ON invite.user (organisation, username_key) WHERE username_key IS NOT NULL;
CREATE UNIQUE INDEX user_employee_number ON invite.user (organisation, employee_number_key) WHERE employee_number_key IS NOT NULL;
CREATE UNIQUE INDEX user_external_id ON invite.user (organisation, external_id_key) WHERE external_id_key IS NOT NULL;
CREATE INDEX user_email ON invite.user (organisation, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX user_phone ON invite.user (organisation, phone) WHERE phone IS NOT NULL;

CREATE TABLE invite.import (
    organisation uuid NOT NULL,
    id uuid NOT NULL,
    file_name text NOT NULL,
    actor jsonb NOT NULL,
    mode text NOT NULL,
    dry_run boolean NOT NULL DEFAULT false,
    reactivates boolean NOT NULL DEFAULT false,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    complete boolean NOT NULL DEFAULT true,
    figures jsonb,
    runs boolean NOT NULL DEFAULT false, -- what it needs while it runs may be there
    kept boolean NOT NULL DEFAULT false, -- what it changed is kept, so that it can be undone
    undone_at timestamptz,
    undone_by jsonb,
    PRIMARY KEY (organisation, id)
);

CREATE INDEX import_runs ON invite.import (began_at) WHERE runs;
CREATE INDEX import_kept ON invite.import (began_at) WHERE kept;

-- Which keys an import that runs has seen, and on which line.
CREATE TABLE invite.import_key (
    organisation uuid NOT NULL,
    import uuid NOT NULL,
    person_key text COLLATE "C" NOT NULL,
    line bigint NOT NULL,
    PRIMARY KEY (organisation, import, person_key)
);

CREATE TABLE invite.import_line (
    organisation uuid NOT NULL,
    user_id uuid NOT NULL,
    import uuid NOT NULL,
    line bigint NOT NULL,
    created boolean NOT NULL,
    at timestamptz NOT NULL,
    changes jsonb, -- of each field that was changed, before and after
    undone boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organisation, user_id, import, line)
);

CREATE INDEX import_line_import ON invite.import_line (organisation, import, user_id);
CREATE INDEX import_line_kept ON invite.import_line (organisation, import) WHERE changes IS NOT NULL;

-- The rows of a sync that would change something, until they are carried out.
CREATE TABLE invite.import_row (
    organisation uuid NOT NULL,
    import uuid NOT NULL,
    line bigint NOT NULL,
    user_id uuid, -- whom it would change
    person jsonb NOT NULL,
    PRIMARY KEY (organisation, import, line)
);

CREATE INDEX import_row_user ON invite.import_row (organisation, user_id) WHERE user_id IS NOT NULL;

-- Whom the file of a sync does not name, until they are deactivated.
CREATE TABLE invite.import_missing (
    organisation uuid NOT NULL,
    import uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (organisation, import, user_id)
);

CREATE INDEX import_missing_user ON invite.import_missing (organisation, user_id);

-- Plans and batches.

CREATE TABLE invite.batch (
    organisation uuid NOT NULL,
    id uuid NOT NULL,
    action text NOT NULL,
    by_id boolean NOT NULL, -- whether people were ticked one by one
    channels text NOT NULL,
    state text NOT NULL,
    paused_because text,
    planned_by jsonb NOT NULL,
    inviter text NOT NULL,
    planned_at timestamptz NOT NULL,
    complete boolean NOT NULL,
    last_user uuid, -- the last person of the page that was planned last
    expires_at timestamptz NOT NULL,
    confirmed_by jsonb,
    confirmed_at timestamptz,
    confirmed_order bigint, -- its place in the order of confirmations; in an organisation, the order of their commits
    resets boolean NOT NULL DEFAULT false,
    not_before timestamptz,
    stopped_at timestamptz,
    templates jsonb NOT NULL,
    totals jsonb NOT NULL,
    outcomes bigint NOT NULL DEFAULT 0, -- since it was confirmed or resumed, for the brake
    hard_failures bigint NOT NULL DEFAULT 0,
    finished boolean NOT NULL DEFAULT false, -- nothing of it is on its way, the event is written
    to_sweep boolean NOT NULL DEFAULT false, -- cancelled or recalled, and the sweep is not through
    pilot bigint, -- how many people it goes to first
    pilot_until uuid, -- their last message, while no later one may leave
    PRIMARY KEY (organisation, id)
);

CREATE SEQUENCE invite.confirmed_order;
CREATE UNIQUE INDEX batch_order ON invite.batch (confirmed_order) WHERE confirmed_order IS NOT NULL;
CREATE INDEX batch_open ON invite.batch (organisation, confirmed_order) WHERE NOT finished AND confirmed_order IS NOT NULL;
CREATE INDEX batch_to_sweep ON invite.batch (organisation) WHERE to_sweep;
CREATE INDEX batch_unused ON invite.batch (expires_at) WHERE state = 'planned';

-- Apart from the batch, whose row changes often, since it may hold the ids of many people.
CREATE TABLE invite.selection (
    organisation uuid NOT NULL,
    batch uuid NOT NULL,
    selection jsonb NOT NULL,
    PRIMARY KEY (organisation, batch)
);

CREATE TABLE invite.item (
    organisation uuid NOT NULL,
    batch uuid NOT NULL,
    user_id uuid NOT NULL,
    decision text NOT NULL,
    reason text,
    channels text NOT NULL, -- words with spaces between
    invitation uuid,
    credential text, -- the kind that was planned
    generation bigint, -- the one that its messages share, once it is minted
    administrator boolean NOT NULL,
    wording jsonb, -- what the totals of a plan have counted of the languages and sizes of its messages; null for nothing
    PRIMARY KEY (organisation, batch, user_id)
);

CREATE INDEX item_user ON invite.item (organisation, user_id);

-- The queue.

-- A sender on an account: what a message is sent with. Few, so that the stops of senders are looked up once for a
-- whole queue, not for each message.
CREATE TABLE invite.lane (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender text NOT NULL,
    account text NOT NULL,
    sender_key text NOT NULL, -- the keys under which a pause of it would be kept
    account_key text NOT NULL,
    destination_prefix text NOT NULL,
    UNIQUE (sender, account)
);

CREATE TABLE invite.batch_lane (
    organisation uuid NOT NULL,
    batch uuid NOT NULL,
    lane bigint NOT NULL,
    PRIMARY KEY (organisation, batch, lane)
);

CREATE TABLE invite.delivery (
    organisation uuid NOT NULL,
    batch uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    invitation uuid NOT NULL,
    channel text NOT NULL,
    address text,
    address_key text COLLATE "C",
    destination text COLLATE "C" NOT NULL, -- e-mail domain, or country
    lane bigint NOT NULL,
    state text NOT NULL,
    reason text,
    attempts bigint NOT NULL,
    unseen bigint NOT NULL,
    suspect boolean NOT NULL,
    first_attempt_at timestamptz,
    due_at timestamptz NOT NULL,
    waits_for text, -- why it is due later, while it is
    early text,
    token uuid,
    lease_until timestamptz,
    alone boolean NOT NULL DEFAULT false, -- whether its claim is of one suspect
    answer jsonb,
    receipt text,
    sent_at timestamptz,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organisation, batch, id)
);

CREATE UNIQUE INDEX delivery_id ON invite.delivery (id);
CREATE INDEX delivery_user ON invite.delivery (organisation, user_id);
CREATE INDEX delivery_invitation ON invite.delivery (organisation, invitation);
-- With the id, so that a pilot is found at the beginning of its batch, however long the rest is.
CREATE INDEX delivery_on_its_way ON invite.delivery (organisation, batch, id) WHERE state IN ('queued', 'claimed', 'handing_over');
CREATE INDEX delivery_queued ON invite.delivery (batch, lane, due_at, destination, id) WHERE state = 'queued' AND NOT suspect;
CREATE INDEX delivery_destination ON invite.delivery (lane, destination, due_at) WHERE state = 'queued' AND NOT suspect;
CREATE INDEX delivery_suspect ON invite.delivery (due_at) WHERE state = 'queued' AND suspect;
CREATE INDEX delivery_token ON invite.delivery (token) WHERE token IS NOT NULL;
CREATE INDEX delivery_lease ON invite.delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX delivery_refused ON invite.delivery (organisation, channel, address_key) WHERE reason = 'recipient_refused';
CREATE INDEX delivery_to_retry ON invite.delivery (organisation, batch, id) WHERE state IN ('failed', 'unknown');

-- The organisation that was served last, so that the next claim begins with the one after it.
CREATE TABLE invite.turn (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    organisation uuid NOT NULL
);

-- Invitations.

CREATE TABLE invite.invitation (
    organisation uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    batch uuid NOT NULL,
    state text NOT NULL,
    reason text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    closed_at timestamptz,
    announced boolean NOT NULL, -- it carries no credential
    told boolean NOT NULL DEFAULT false, -- the event about its first message is written
    salt bytea,
    PRIMARY KEY (organisation, id)
);

CREATE INDEX invitation_user ON invite.invitation (organisation, user_id);
CREATE INDEX invitation_open ON invite.invitation (organisation, batch) WHERE state IN ('pending', 'expired');
CREATE INDEX invitation_expiring ON invite.invitation (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;

CREATE TABLE invite.credential (
    organisation uuid NOT NULL,
    invitation uuid NOT NULL,
    generation bigint NOT NULL,
    id uuid NOT NULL,
    batch uuid NOT NULL, -- whose message it was minted for
    kind text NOT NULL,
    password text, -- PHC string of a temporary password
    digest bytea, -- SHA-256 of a link's token
    sealed bytea, -- the secret, until no message needs it any more
    minted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    reservation bigint NOT NULL DEFAULT 0,
    reserved_at timestamptz,
    used_at timestamptz,
    PRIMARY KEY (organisation, invitation, generation)
);

CREATE UNIQUE INDEX credential_id ON invite.credential (organisation, id);
CREATE UNIQUE INDEX credential_digest ON invite.credential (digest) WHERE digest IS NOT NULL;

-- What is known about people, ours or a host's. It is also the row that is locked while something of theirs is decided.
CREATE TABLE invite.person (
    organisation uuid NOT NULL,
    user_id uuid NOT NULL,
    retired_by uuid, -- the invitation that retired the person's own password
    retired_at timestamptz,
    came_at timestamptz,
    PRIMARY KEY (organisation, user_id)
);

CREATE INDEX person_retired ON invite.person (organisation, retired_by) WHERE retired_by IS NOT NULL;

CREATE TABLE invite.guess (
    organisation uuid NOT NULL,
    user_id uuid NOT NULL,
    source text NOT NULL,
    failures bigint NOT NULL,
    wait_until timestamptz,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (organisation, user_id, source)
);

CREATE INDEX guess_last ON invite.guess (last_at);

-- Requests for a fresh credential of the last hour.
CREATE TABLE invite.fresh_request (
    organisation uuid NOT NULL,
    asked text NOT NULL, -- for whom (person and the hexadecimal digits of an id), or from where (source and an address)
    at timestamptz NOT NULL
);

CREATE INDEX fresh_request_asked ON invite.fresh_request (organisation, asked, at);
CREATE INDEX fresh_request_at ON invite.fresh_request (at);

-- Senders and addresses.

CREATE TABLE invite.suppression (
    organisation uuid NOT NULL,
    channel text COLLATE "C" NOT NULL,
    address_key text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    since_at timestamptz NOT NULL,
    PRIMARY KEY (organisation, channel, address_key)
);

-- Addresses of erased people that stay suppressed: HMAC-SHA-256 under a key that is not in the database.
CREATE TABLE invite.hashed_suppression (
    organisation uuid NOT NULL,
    channel text NOT NULL,
    hash bytea NOT NULL,
    reason text NOT NULL,
    since_at timestamptz NOT NULL,
    PRIMARY KEY (organisation, channel, hash)
);

-- One that is stopped by hand has the kind 'by_hand' and 'infinity' as next_at.
CREATE TABLE invite.sender_pause (
    pause_key text COLLATE "C" PRIMARY KEY,
    covers jsonb NOT NULL,
    kind text NOT NULL,
    answer jsonb NOT NULL,
    since_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL
);

-- The messages of a run of identical policy refusals.
CREATE TABLE invite.refusal (
    sender text NOT NULL,
    delivery uuid NOT NULL,
    answer text NOT NULL,
    PRIMARY KEY (sender, delivery)
);

-- What happened.

-- A number is given when events are looked at, not when they are written: transactions end in another order than they
-- take numbers, and whoever reads by number must not pass one that is not there yet.
CREATE TABLE invite.event (
    written bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cursor bigint,
    organisation uuid,
    at timestamptz NOT NULL,
    what jsonb NOT NULL
);

CREATE UNIQUE INDEX event_cursor ON invite.event (cursor) WHERE cursor IS NOT NULL;
CREATE INDEX event_new ON invite.event (written) WHERE cursor IS NULL;
-- Those that may quote an address.
CREATE INDEX event_quoting ON invite.event (written) WHERE what ->> 'event' IN ('sender_paused', 'batch_paused');
CREATE SEQUENCE invite.event_cursor_number;

CREATE TABLE invite.audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation uuid NOT NULL,
    at timestamptz NOT NULL,
    actor jsonb NOT NULL,
    what text NOT NULL,
    subject text NOT NULL,
    details text NOT NULL
);

CREATE INDEX audit_organisation ON invite.audit (organisation, number);
-- The test messages that an actor has sent.
CREATE INDEX audit_test_sent ON invite.audit (organisation, actor, at) WHERE what = 'test_sent';

-- What a host may join its own users table with. These views keep their columns and their meaning.

-- A row for each message that reached sent, delivered or unknown at some time, and when.
CREATE VIEW invite.reached AS
SELECT organisation, user_id, coalesce(sent_at, changed_at) AS reached_at
FROM invite.delivery
WHERE sent_at IS NOT NULL OR state IN ('sent', 'delivered', 'complained', 'unknown', 'bounced');

-- A row for each person who is known to have come: accepted, signed in or set a password, and when they last did.
CREATE VIEW invite.came AS
SELECT organisation, user_id, came_at
FROM invite.person
WHERE came_at IS NOT NULL;

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (1, 1, clock_timestamp());
