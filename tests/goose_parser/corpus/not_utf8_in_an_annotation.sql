-- +goose Upÿ
SELECT 1;
