-- Requests may also end denied or in an error.

ALTER TABLE audit_events
    DROP CONSTRAINT IF EXISTS audit_events_outcome_check,
    ADD CONSTRAINT audit_events_outcome_check
        CHECK (outcome IN ('success', 'failure', 'denied', 'error'));
