-- +goose ENVSUB ON
-- +goose Up
CREATE TABLE two (a text DEFAULT '${NOT_SET:-x}');
