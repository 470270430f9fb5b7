-- +goose Up
INSERT INTO one VALUES (3);
CREATE ROLE somebody;
