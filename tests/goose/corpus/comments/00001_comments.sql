-- A licence, perhaps.
-- Written by hand;

-- +goose Up
-- Why this table is there; and more.
CREATE TABLE a ( -- the first
    x int, -- a column, with a comment
    /* and one
       of several lines */
    y int
); -- done
/* before the next */ CREATE TABLE b (x int DEFAULT 1);
/* outer /* inner */ still outer */
COMMENT ON TABLE b IS 'has -- dashes and /* marks */';

    -- indented
-- +goose StatementBegin
/* a block that
   ends with a semicolon;
*/
CREATE TABLE c (x int);
-- +goose StatementEnd
-- the end

-- +goose Down
-- nothing to undo;
