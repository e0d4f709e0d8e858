-- When and by whom a version of a message was saved; null for those saved before this was kept.
ALTER TABLE invite_template ADD COLUMN saved_at INTEGER;
ALTER TABLE invite_template ADD COLUMN saved_by TEXT;

-- What the totals of a plan have counted of the languages and sizes of an item's messages, as JSON; null for nothing.
ALTER TABLE invite_item ADD COLUMN wording TEXT;

-- The test messages that an actor has sent.
CREATE INDEX invite_audit_test_sent ON invite_audit (organisation, actor, at) WHERE what = 'test_sent';
