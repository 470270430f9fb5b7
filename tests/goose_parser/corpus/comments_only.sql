-- +goose Up
-- nothing yet

-- +goose Down
-- nothing either
