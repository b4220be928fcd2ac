-- A job of the demo's shop in each state, and an incident, as workers would leave them.
INSERT INTO connector_incident (state, name, fingerprint, exc_type, exc_message, user_message, count, date_first, date_last,
                                date_opened, backend_model, backend_id, backend_name, company_id)
SELECT 'open', 'The shop does not answer', 'demo', 'NetworkError', 'POST /api/xmlrpc: connection refused',
       'Check that the other system is up, then requeue the jobs.', 1, now() AT TIME ZONE 'utc' - interval '2 hours',
       now() AT TIME ZONE 'utc' - interval '1 hour', now() AT TIME ZONE 'utc' - interval '2 hours',
       'magento.backend', id, name, company_id
  FROM magento_backend WHERE name = 'Sandbox';

WITH jobs AS (
    SELECT id, row_number() OVER (ORDER BY id) AS number
      FROM connector_job
     WHERE backend_name = 'Sandbox' AND state IN ('pending', 'waiting')
)
UPDATE connector_job
   SET state = CASE number WHEN 1 THEN 'done' WHEN 2 THEN 'cancelled' ELSE 'failed' END,
       hold = NULL,
       attempt = CASE number WHEN 2 THEN 0 ELSE 1 END,
       date_done = now() AT TIME ZONE 'utc' - interval '1 hour',
       duration_s = CASE number WHEN 2 THEN NULL ELSE 1.5 END,
       result = CASE number WHEN 1 THEN 'imported' WHEN 2 THEN 'cancelled by Administrator' END,
       exc_type = CASE number WHEN 3 THEN 'NetworkError' END,
       exc_message = CASE number WHEN 3 THEN 'POST /api/xmlrpc: connection refused' END,
       incident_id = CASE number WHEN 3 THEN (SELECT max(id) FROM connector_incident WHERE fingerprint = 'demo') END
  FROM jobs
 WHERE jobs.id = connector_job.id AND number <= 3;
