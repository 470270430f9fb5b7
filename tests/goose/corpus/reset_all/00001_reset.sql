-- +goose Up
SET work_mem = '8MB';
CREATE TABLE settings AS SELECT current_setting('work_mem') AS work_mem;
RESET ALL;
INSERT INTO settings SELECT current_setting('work_mem');
