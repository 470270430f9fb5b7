-- +goose Up
CREATE TABLE events (id int, kind text, at timestamp);
INSERT INTO events SELECT n, 'kind ' || n % 3, timestamp '2024-01-01' + n * interval '1 hour' FROM generate_series(1, 100) AS n;
