-- Every statement of the ledger, by name. Paths are bound as bytes, since a name need not be valid UTF-8,
-- and stored as TEXT, so that they read well in any SQLite tool.

-- name: retry_transient
UPDATE objects SET state = 'pending', reason = NULL
WHERE source = CAST(:source AS TEXT) AND state = 'failed' AND transient;

-- name: settled
SELECT path, size, mtime_ns FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe;

-- name: pending
SELECT path, size, mtime_ns, fresh FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'pending'
ORDER BY rowid;

-- name: add
INSERT OR REPLACE INTO objects (source, path, size, mtime_ns, recipe, state, fresh)
VALUES (CAST(:source AS TEXT), CAST(:path AS TEXT), :size, :mtime_ns, :recipe, 'pending', :fresh);

-- name: forget
DELETE FROM objects
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT);

-- name: forget_failed
DELETE FROM objects
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) AND state = 'failed';

-- name: set_state
UPDATE objects SET state = :state, reason = :reason, transient = :transient
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND recipe = :recipe;

-- name: record
INSERT INTO results (
    source, path, size, mtime_ns, recipe, job, outputs, width, height, engine, worker,
    decode, filter, encode, write, turnaround, finished_at
) VALUES (
    CAST(:source AS TEXT), CAST(:path AS TEXT), :size, :mtime_ns, :recipe, :job, :outputs, :width, :height,
    :engine, :worker, :decode, :filter, :encode, :write, :turnaround, :finished_at
)
ON CONFLICT (source, path, size, mtime_ns, recipe) DO UPDATE SET
    times = times + 1, engine = excluded.engine, worker = excluded.worker, decode = excluded.decode,
    filter = excluded.filter, encode = excluded.encode, write = excluded.write,
    turnaround = excluded.turnaround, finished_at = excluded.finished_at;

-- name: same_job
SELECT path, outputs, width, height, worker
FROM results JOIN objects USING (source, path, size, mtime_ns, recipe)
WHERE source = CAST(:source AS TEXT) AND job = :job AND state = 'done'
LIMIT 1;

-- name: progress
SELECT state, count(*) FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe
GROUP BY state;

-- name: failures
SELECT path, reason FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'failed'
ORDER BY path;

-- name: processed
SELECT path, size, width, height, worker, decode + filter + encode, turnaround, outputs, finished_at
FROM results JOIN objects USING (source, path, size, mtime_ns, recipe)
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'done'
ORDER BY finished_at;

-- name: redo
UPDATE objects SET state = 'pending', reason = NULL
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe;

-- name: report
SELECT path, size, width, height, width * height, engine, worker, turnaround - decode - filter - encode, decode, filter, encode, write,
       state, reason
FROM objects LEFT JOIN results USING (source, path, size, mtime_ns, recipe)
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe
ORDER BY path;
