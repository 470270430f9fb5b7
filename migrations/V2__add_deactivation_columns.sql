-- When a project or a token was switched off.

ALTER TABLE projects ADD COLUMN IF NOT EXISTS deactivated_at timestamp;
ALTER TABLE tokens   ADD COLUMN IF NOT EXISTS deactivated_at timestamp;
