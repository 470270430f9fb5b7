-- +goose Up
-- Größen und Maße
CREATE TABLE "Größen" ("Maß" text DEFAULT 'größer', emoji text);
INSERT INTO "Größen" VALUES ('日本語', '🪿'), (DEFAULT, NULL);
