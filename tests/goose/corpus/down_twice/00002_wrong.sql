-- +goose Up
CREATE TABLE two (a int);
-- +goose Down
DROP TABLE two;
-- +goose Down
DROP TABLE two;
