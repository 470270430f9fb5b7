-- +goose Up
-- +goose StatementBegin

-- one
SELECT 1;

  
-- +goose StatementEnd
