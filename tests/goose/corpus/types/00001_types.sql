-- +goose Up
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE address AS (street text, number positive);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE SEQUENCE tickets START 100 INCREMENT 10;
CREATE TABLE parcels (
    id      int DEFAULT nextval('tickets'),
    goes_to address,
    weight  span,
    tags    text[] DEFAULT '{}',
    extra   jsonb
);
INSERT INTO parcels (goes_to, weight, extra) VALUES (ROW ('Elm', 3), '[1.5,2)', '{"a": [1, 2]}');
CREATE AGGREGATE longest (text) (SFUNC = textcat, STYPE = text);
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
