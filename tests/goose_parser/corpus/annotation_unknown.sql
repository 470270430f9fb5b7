-- +goose Sideways
SELECT 1;
