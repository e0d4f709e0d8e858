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
