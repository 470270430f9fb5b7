-- +goose Up
ALTER TABLE measures DETACH PARTITION measures_2023;
CREATE INDEX measures_value ON ONLY measures (value);
CREATE INDEX measures_2024_value ON measures_2024 (value);
ALTER INDEX measures_value ATTACH PARTITION measures_2024_value;
