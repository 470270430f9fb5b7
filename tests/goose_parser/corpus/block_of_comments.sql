-- +goose Up
-- +goose StatementBegin
   
-- nothing
-- +goose StatementEnd
SELECT 1;
