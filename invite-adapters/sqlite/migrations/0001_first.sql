-- Ids are UUIDs of version 7 as blobs of 16 octets. Instants (*_at, *_until, not_before) are integers: microseconds
-- since 1970-01-01T00:00:00Z. Flags are 0 or 1. JSON is text. Words (state, reason, channel, ...) are those that
-- invite-core gives them. Columns that end in _key are in lower case as Rust makes it: SQLite's own is ASCII only.

CREATE TABLE invite_organisation (
    id BLOB PRIMARY KEY NOT NULL,
    alias TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    -- 1 from when it came under SSO until the sweep has revoked what its people still had.
    to_sweep INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX invite_organisation_to_sweep ON invite_organisation (id) WHERE to_sweep = 1;

CREATE TABLE invite_template (
    organisation BLOB NOT NULL,
    template TEXT NOT NULL,
    version INTEGER NOT NULL,
    source TEXT, -- null: back to the built-in one
    PRIMARY KEY (organisation, template, version)
) STRICT;

-- People of our own.

CREATE TABLE invite_user (
    organisation BLOB NOT NULL,
    id BLOB NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    username TEXT,
    employee_number TEXT,
    external_id TEXT,
    email TEXT,
    phone TEXT,
    locale TEXT,
    time_zone TEXT,
    role TEXT NOT NULL,
    group_name TEXT,
    sign_in TEXT,
    deactivated INTEGER NOT NULL,
    elsewhere INTEGER NOT NULL,
    deactivated_at INTEGER,
    returned_at INTEGER,
    signed_in_at INTEGER,
    password TEXT, -- PHC string
    password_credential BLOB, -- the key under which it was set: credential and number of its reservation
    password_reservation INTEGER,
    username_key TEXT,
    employee_number_key TEXT,
    external_id_key TEXT,
    email_key TEXT,
    group_key TEXT,
    search_text TEXT NOT NULL,
    PRIMARY KEY (organisation, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX invite_user_username ON invite_user (organisation, username_key) WHERE username_key IS NOT NULL;
CREATE UNIQUE INDEX invite_user_employee_number ON invite_user (organisation, employee_number_key) WHERE employee_number_key IS NOT NULL;
CREATE UNIQUE INDEX invite_user_external_id ON invite_user (organisation, external_id_key) WHERE external_id_key IS NOT NULL;
CREATE INDEX invite_user_email ON invite_user (organisation, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX invite_user_phone ON invite_user (organisation, phone) WHERE phone IS NOT NULL;

-- Which keys an import that runs has seen, and on which line.
CREATE TABLE invite_import_key (
    organisation BLOB NOT NULL,
    import BLOB NOT NULL,
    person_key TEXT NOT NULL,
    line INTEGER NOT NULL,
    PRIMARY KEY (organisation, import, person_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE invite_import (
    organisation BLOB NOT NULL,
    id BLOB NOT NULL,
    file_name TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (organisation, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE invite_import_line (
    organisation BLOB NOT NULL,
    user BLOB NOT NULL,
    import BLOB NOT NULL,
    line INTEGER NOT NULL,
    created INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (organisation, user, import, line)
) STRICT, WITHOUT ROWID;

-- Plans and batches.

CREATE TABLE invite_batch (
    organisation BLOB NOT NULL,
    id BLOB NOT NULL,
    action TEXT NOT NULL,
    by_id INTEGER NOT NULL, -- whether people were ticked one by one
    channels TEXT NOT NULL,
    state TEXT NOT NULL,
    paused_because TEXT,
    planned_by TEXT NOT NULL,
    inviter TEXT NOT NULL,
    planned_at INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    last_user BLOB, -- the last person of the page that was planned last
    expires_at INTEGER NOT NULL,
    confirmed_by TEXT,
    confirmed_at INTEGER,
    confirmed_order INTEGER, -- its place in the order of confirmations of the whole store
    resets INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER,
    stopped_at INTEGER,
    templates TEXT NOT NULL,
    totals TEXT NOT NULL,
    outcomes INTEGER NOT NULL DEFAULT 0, -- since it was confirmed or resumed, for the brake
    hard_failures INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0, -- 1: nothing of it is on its way, the event is written
    to_sweep INTEGER NOT NULL DEFAULT 0, -- 1: cancelled or recalled, and the sweep is not through
    PRIMARY KEY (organisation, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX invite_batch_order ON invite_batch (confirmed_order) WHERE confirmed_order IS NOT NULL;
CREATE INDEX invite_batch_open ON invite_batch (organisation, confirmed_order) WHERE finished = 0 AND confirmed_order IS NOT NULL;
CREATE INDEX invite_batch_to_sweep ON invite_batch (organisation) WHERE to_sweep = 1;
CREATE INDEX invite_batch_unused ON invite_batch (expires_at) WHERE state = 'planned';

-- Apart from the batch, whose row changes often, since it may hold the ids of many people.
CREATE TABLE invite_selection (
    organisation BLOB NOT NULL,
    batch BLOB NOT NULL,
    selection TEXT NOT NULL,
    PRIMARY KEY (organisation, batch)
) STRICT;

CREATE TABLE invite_item (
    organisation BLOB NOT NULL,
    batch BLOB NOT NULL,
    user BLOB NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT,
    channels TEXT NOT NULL, -- words with spaces between
    invitation BLOB,
    credential TEXT, -- the kind that was planned
    generation INTEGER, -- the one that its messages share, once it is minted
    administrator INTEGER NOT NULL,
    PRIMARY KEY (organisation, batch, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_item_user ON invite_item (organisation, user);

-- The queue.

-- A sender on an account: what a message is sent with. Few, so that the stops of senders are looked up once for a
-- whole queue, not for each message.
CREATE TABLE invite_lane (
    number INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    account TEXT NOT NULL,
    sender_key TEXT NOT NULL, -- the keys under which a pause of it would be kept
    account_key TEXT NOT NULL,
    destination_prefix TEXT NOT NULL,
    UNIQUE (sender, account)
) STRICT;

CREATE TABLE invite_batch_lane (
    organisation BLOB NOT NULL,
    batch BLOB NOT NULL,
    lane INTEGER NOT NULL,
    PRIMARY KEY (organisation, batch, lane)
) STRICT, WITHOUT ROWID;

CREATE TABLE invite_delivery (
    organisation BLOB NOT NULL,
    batch BLOB NOT NULL,
    id BLOB NOT NULL,
    user BLOB NOT NULL,
    invitation BLOB NOT NULL,
    channel TEXT NOT NULL,
    address TEXT,
    address_key TEXT,
    destination TEXT NOT NULL, -- e-mail domain, or country
    lane INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    attempts INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    suspect INTEGER NOT NULL,
    first_attempt_at INTEGER,
    due_at INTEGER NOT NULL,
    early TEXT,
    token BLOB,
    lease_until INTEGER,
    alone INTEGER NOT NULL DEFAULT 0, -- whether its claim is of one suspect
    answer TEXT,
    receipt TEXT,
    sent_at INTEGER,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (organisation, batch, id)
) STRICT;

CREATE UNIQUE INDEX invite_delivery_id ON invite_delivery (id);
CREATE INDEX invite_delivery_user ON invite_delivery (organisation, user);
CREATE INDEX invite_delivery_invitation ON invite_delivery (organisation, invitation);
CREATE INDEX invite_delivery_on_its_way ON invite_delivery (organisation, batch) WHERE state IN ('queued', 'claimed', 'handing_over');
CREATE INDEX invite_delivery_queued ON invite_delivery (batch, lane, due_at, destination, id) WHERE state = 'queued' AND suspect = 0;
CREATE INDEX invite_delivery_destination ON invite_delivery (lane, destination) WHERE state = 'queued' AND suspect = 0;
CREATE INDEX invite_delivery_suspect ON invite_delivery (due_at) WHERE state = 'queued' AND suspect = 1;
CREATE INDEX invite_delivery_token ON invite_delivery (token) WHERE token IS NOT NULL;
CREATE INDEX invite_delivery_lease ON invite_delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX invite_delivery_refused ON invite_delivery (organisation, channel, address_key) WHERE reason = 'recipient_refused';

-- The organisation that was served last, so that the next claim begins with the one after it.
CREATE TABLE invite_turn (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    organisation BLOB NOT NULL
) STRICT;

-- Invitations.

CREATE TABLE invite_invitation (
    organisation BLOB NOT NULL,
    id BLOB NOT NULL,
    user BLOB NOT NULL,
    batch BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    closed_at INTEGER,
    announced INTEGER NOT NULL, -- 1: it carries no credential
    told INTEGER NOT NULL DEFAULT 0, -- 1: the event about its first message is written
    salt BLOB,
    PRIMARY KEY (organisation, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_invitation_user ON invite_invitation (organisation, user);
CREATE INDEX invite_invitation_open ON invite_invitation (organisation, batch) WHERE state IN ('pending', 'expired');
CREATE INDEX invite_invitation_expiring ON invite_invitation (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;

CREATE TABLE invite_credential (
    organisation BLOB NOT NULL,
    invitation BLOB NOT NULL,
    generation INTEGER NOT NULL,
    id BLOB NOT NULL,
    batch BLOB NOT NULL, -- whose message it was minted for
    kind TEXT NOT NULL,
    password TEXT, -- PHC string of a temporary password
    digest BLOB, -- SHA-256 of a link's token
    sealed BLOB, -- the secret, until no message needs it any more
    minted_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    reservation INTEGER NOT NULL DEFAULT 0,
    reserved_at INTEGER,
    used_at INTEGER,
    PRIMARY KEY (organisation, invitation, generation)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX invite_credential_id ON invite_credential (organisation, id);
CREATE UNIQUE INDEX invite_credential_digest ON invite_credential (digest) WHERE digest IS NOT NULL;

-- What is known about people, ours or a host's.
CREATE TABLE invite_person (
    organisation BLOB NOT NULL,
    user BLOB NOT NULL,
    retired_by BLOB, -- the invitation that retired the person's own password
    retired_at INTEGER,
    came_at INTEGER,
    PRIMARY KEY (organisation, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_person_retired ON invite_person (organisation, retired_by) WHERE retired_by IS NOT NULL;

CREATE TABLE invite_guess (
    organisation BLOB NOT NULL,
    user BLOB NOT NULL,
    source TEXT NOT NULL,
    failures INTEGER NOT NULL,
    wait_until INTEGER,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (organisation, user, source)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_guess_last ON invite_guess (last_at);

-- Senders and addresses.

CREATE TABLE invite_suppression (
    organisation BLOB NOT NULL,
    channel TEXT NOT NULL,
    address_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_at INTEGER NOT NULL,
    PRIMARY KEY (organisation, channel, address_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE invite_sender_pause (
    pause_key TEXT PRIMARY KEY NOT NULL,
    covers TEXT NOT NULL,
    kind TEXT NOT NULL,
    answer TEXT NOT NULL,
    since_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The messages of a run of identical policy refusals.
CREATE TABLE invite_refusal (
    sender TEXT NOT NULL,
    delivery BLOB NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (sender, delivery)
) STRICT, WITHOUT ROWID;

-- What happened.

CREATE TABLE invite_event (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation BLOB,
    at INTEGER NOT NULL,
    what TEXT NOT NULL
) STRICT;

CREATE TABLE invite_audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation BLOB NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;

CREATE INDEX invite_audit_organisation ON invite_audit (organisation, number);
