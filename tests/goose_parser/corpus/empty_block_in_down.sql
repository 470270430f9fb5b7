-- +goose Up
SELECT 1;
-- +goose Down
-- +goose StatementBegin
-- +goose StatementEnd
SELECT 2;
