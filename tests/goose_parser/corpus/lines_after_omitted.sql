-- first

-- +goose Up

-- second

SELECT 1,
-- +goose ENVSUB OFF
  2;

-- +goose StatementBegin

-- third
SELECT 3;
-- +goose StatementEnd

-- fourth
  /* fifth
  */ SELECT 4;
