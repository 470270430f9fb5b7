-- +goose Up
-- +goose StatementBegin
-- later
-- +goose StatementEnd
-- +goose Down
SELECT 2;
