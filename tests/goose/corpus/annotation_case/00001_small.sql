-- +goose up
CREATE TABLE small (a int);
-- +goose down
DROP TABLE small;
