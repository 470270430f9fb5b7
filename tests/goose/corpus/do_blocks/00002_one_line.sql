-- +goose Up
DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_tables WHERE tablename = ''late'') THEN CREATE TABLE late (); END IF; END';
