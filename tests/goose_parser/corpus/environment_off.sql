-- +goose ENVSUB OFF
-- +goose Up
SELECT '$HOME ${HOME}';
-- +goose envsub off
