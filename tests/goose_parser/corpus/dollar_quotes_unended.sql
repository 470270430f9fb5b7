-- +goose Up
DO $$
BEGIN
  PERFORM 1;
END
$$
