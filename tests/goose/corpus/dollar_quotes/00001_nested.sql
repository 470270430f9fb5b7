-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION outer_function() RETURNS text LANGUAGE plpgsql AS $outer$
DECLARE
    body text := $inner$ has $$ and ; in it; $inner$;
BEGIN
    RETURN body || $$;$$ || 'it''s; ' || E'\';';
END;
$outer$;
-- +goose StatementEnd
CREATE FUNCTION short() RETURNS int LANGUAGE sql AS $x_1$ SELECT 1; SELECT 2 $x_1$;
CREATE TABLE results AS SELECT outer_function() AS text, short() AS number;
