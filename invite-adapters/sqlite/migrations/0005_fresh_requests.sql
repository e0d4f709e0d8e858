-- Requests for a fresh credential of the last hour.

CREATE TABLE invite_fresh_request (
    organisation BLOB NOT NULL,
    asked TEXT NOT NULL, -- for whom (person and the hexadecimal digits of an id), or from where (source and an address)
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX invite_fresh_request_asked ON invite_fresh_request (organisation, asked, at);
CREATE INDEX invite_fresh_request_at ON invite_fresh_request (at);
