-- +goose Up
-- +goose StatementBegin
CREATE TABLE two (a int);

-- +goose Down
DROP TABLE two;
