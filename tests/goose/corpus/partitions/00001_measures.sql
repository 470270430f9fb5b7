-- +goose Up
CREATE TABLE measures (
    at    date NOT NULL,
    value double precision
) PARTITION BY RANGE (at);
CREATE TABLE measures_2023 PARTITION OF measures FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE measures_2024 PARTITION OF measures FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measures_rest PARTITION OF measures DEFAULT;
CREATE INDEX measures_at ON measures (at);
INSERT INTO measures VALUES ('2023-05-05', 1.5), ('2024-05-05', 2.5), ('2030-01-01', 3.5);
