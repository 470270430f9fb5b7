-- +goose Up

-- only a comment

-- +goose Down
DROP TABLE nowhere;
