-- +goose Up
ALTER TYPE state ADD VALUE 'off';
CREATE TABLE switches (s state DEFAULT 'off');
INSERT INTO switches DEFAULT VALUES;
