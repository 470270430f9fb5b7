-- +goose Up
CREATE TYPE state AS ENUM ('open', 'closed');
-- +goose Down
DROP TYPE state;
