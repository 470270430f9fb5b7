-- +goose Up
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (name text, mood mood DEFAULT 'happy');
-- +goose Down
DROP TABLE people;
DROP TYPE mood;
