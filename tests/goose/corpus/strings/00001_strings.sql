-- +goose Up
CREATE TABLE texts (t text);
INSERT INTO texts VALUES ('a; b'), ('it''s'), (E'tab\tand \'quote\''), (U&'d\0061t\+000061');
INSERT INTO texts VALUES ('two
lines'), ('-- no comment'), ('/* nor this */');
-- +goose StatementBegin
INSERT INTO texts VALUES ('ends a line;
and goes on');
-- +goose StatementEnd
CREATE TABLE "odd; name" ("a ""quoted"" column" int, "-- dashes" int);
