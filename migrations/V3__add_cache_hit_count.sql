-- How many requests of a token were answered from the cache.

ALTER TABLE tokens ADD COLUMN IF NOT EXISTS cache_hit_count integer NOT NULL DEFAULT 0;
