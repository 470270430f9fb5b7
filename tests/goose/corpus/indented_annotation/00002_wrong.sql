-- +goose Up
  -- +goose StatementBegin
CREATE TABLE two (a int);
  -- +goose StatementEnd
