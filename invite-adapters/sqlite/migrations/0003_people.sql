-- Imports as a whole, the steps of a sync, undoing, and addresses of erased people that stay suppressed.

ALTER TABLE invite_import ADD COLUMN mode TEXT; -- null: imported before this was kept
ALTER TABLE invite_import ADD COLUMN dry_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invite_import ADD COLUMN reactivates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invite_import ADD COLUMN began_at INTEGER;
ALTER TABLE invite_import ADD COLUMN ended_at INTEGER;
ALTER TABLE invite_import ADD COLUMN complete INTEGER NOT NULL DEFAULT 1;
ALTER TABLE invite_import ADD COLUMN figures TEXT;
ALTER TABLE invite_import ADD COLUMN runs INTEGER NOT NULL DEFAULT 0; -- 1: what it needs while it runs may be there
ALTER TABLE invite_import ADD COLUMN kept INTEGER NOT NULL DEFAULT 0; -- 1: what it changed is kept, so that it can be undone
ALTER TABLE invite_import ADD COLUMN undone_at INTEGER;
ALTER TABLE invite_import ADD COLUMN undone_by TEXT;

CREATE INDEX invite_import_runs ON invite_import (began_at) WHERE runs = 1;
CREATE INDEX invite_import_kept ON invite_import (began_at) WHERE kept = 1;

ALTER TABLE invite_import_line ADD COLUMN changes TEXT; -- of each field that was changed, before and after
ALTER TABLE invite_import_line ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;

CREATE INDEX invite_import_line_import ON invite_import_line (organisation, import, user);

-- The rows of a sync that would change something, until they are carried out.
CREATE TABLE invite_import_row (
    organisation BLOB NOT NULL,
    import BLOB NOT NULL,
    line INTEGER NOT NULL,
    user BLOB, -- whom it would change
    person TEXT NOT NULL,
    PRIMARY KEY (organisation, import, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_import_row_user ON invite_import_row (organisation, user) WHERE user IS NOT NULL;

-- Whom the file of a sync does not name, until they are deactivated.
CREATE TABLE invite_import_missing (
    organisation BLOB NOT NULL,
    import BLOB NOT NULL,
    user BLOB NOT NULL,
    PRIMARY KEY (organisation, import, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_import_missing_user ON invite_import_missing (organisation, user);

-- Addresses of erased people that stay suppressed: HMAC-SHA-256 under a key that is not in the database.
CREATE TABLE invite_hashed_suppression (
    organisation BLOB NOT NULL,
    channel TEXT NOT NULL,
    hash BLOB NOT NULL,
    reason TEXT NOT NULL,
    since_at INTEGER NOT NULL,
    PRIMARY KEY (organisation, channel, hash)
) STRICT, WITHOUT ROWID;
