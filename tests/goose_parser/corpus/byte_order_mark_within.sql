-- +goose Up
SELECT 1 AS ﻿;
