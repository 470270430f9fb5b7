-- +goose no transaction
--+goose UP
-- +goose STATEMENTBEGIN
CREATE TABLE large (a int)
;
-- +goose statementend
--+goose DOWN
DROP TABLE large;
