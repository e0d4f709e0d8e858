-- How far the slots of senders with a rate are reserved.

CREATE TABLE invite.sender_pace (
    sender text COLLATE "C" PRIMARY KEY,
    spacing bigint NOT NULL, -- microseconds from one slot to the next
    next_at timestamptz NOT NULL
);

INSERT INTO invite.schema_version (version, works_from, applied_at) VALUES (3, 1, clock_timestamp());
