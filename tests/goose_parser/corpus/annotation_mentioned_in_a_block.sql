-- +goose Up
-- +goose StatementBegin
SELECT 1;
  -- not for +goose
-- +goose StatementEnd
