-- +goose Down
DROP TABLE two;
