-- How often work was made for workers: those of other processes look whether it has changed.

CREATE TABLE invite_work (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    times INTEGER NOT NULL
) STRICT;

INSERT INTO invite_work (one, times) VALUES (1, 0);
