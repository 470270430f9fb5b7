-- Tokens get an identity apart from their secret value; the value stays unique.

ALTER TABLE tokens
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE tokens
    DROP CONSTRAINT tokens_pkey,
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id),
    ADD CONSTRAINT tokens_token_unique UNIQUE (token);
CREATE INDEX idx_tokens_token ON tokens (token);
