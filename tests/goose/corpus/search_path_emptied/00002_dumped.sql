-- +goose Up
-- as pg_dump begins its files
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.dumped (a int);
