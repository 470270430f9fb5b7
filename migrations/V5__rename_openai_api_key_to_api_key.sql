-- Databases from before version 1 was settled have the column under its old name.

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'projects'::regclass AND attname = 'openai_api_key' AND NOT attisdropped
    ) AND NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'projects'::regclass AND attname = 'api_key' AND NOT attisdropped
    ) THEN
        ALTER TABLE projects RENAME COLUMN openai_api_key TO api_key;
    END IF;
END
$$;
