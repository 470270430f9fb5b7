-- +goose Up
DO $body$
BEGIN
  PERFORM 1;
END $body$;
