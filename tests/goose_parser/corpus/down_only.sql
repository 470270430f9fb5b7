-- +goose Down
SELECT 2;
