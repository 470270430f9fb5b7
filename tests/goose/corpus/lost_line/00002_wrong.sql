-- +goose Up
-- +goose StatementBegin
-- +goose StatementEnd
CREATE TABLE lost (a int);
CREATE TABLE two (a int);
