-- How far the slots of senders with a rate are reserved.

CREATE TABLE invite_sender_pace (
    sender TEXT NOT NULL PRIMARY KEY,
    spacing INTEGER NOT NULL, -- microseconds from one slot to the next
    next_at INTEGER NOT NULL
) STRICT;
