-- Every statement of those who read the history of a ledger, by name. A search looks at :scan rows of an index at most,
-- in the order of the index, so that no call takes long, however large the ledger is.
-- "state <> 'done'" beside another state has SQLite use the index undone_by_time.

-- name: sources
SELECT source, recipe, output, paused FROM sources ORDER BY source;

-- name: counts
SELECT state, n FROM counts WHERE source = CAST(:source AS TEXT) AND recipe = :recipe;

-- name: left_alone
SELECT kind, files FROM left_alone WHERE source = CAST(:source AS TEXT);

-- name: reasons
SELECT reason, n FROM reasons WHERE source = CAST(:source AS TEXT) AND recipe = :recipe ORDER BY n DESC LIMIT :limit;

-- name: newest_of_reason
SELECT path, at FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND reason = CAST(:reason AS TEXT) AND state = 'failed'
ORDER BY at DESC LIMIT 1;

-- name: minutes
SELECT minute, done, failed, bytes FROM minutes
WHERE source = CAST(:source AS TEXT) AND minute >= :since ORDER BY minute DESC LIMIT :limit;

-- name: histograms
SELECT hist FROM minutes
WHERE source = CAST(:source AS TEXT) AND minute >= :since ORDER BY minute DESC LIMIT :limit;

-- name: parts
SELECT minute, done, failed, bytes, hist FROM minutes
WHERE source = CAST(:source AS TEXT) AND minute >= :since AND minute < :beyond;

-- name: undone_keys
SELECT objects.rowid AS row, at, path, reason FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = '{state}' AND state <> 'done'
  AND at >= :since AND (at, path) {below} (:at, CAST(:path AS TEXT))
ORDER BY at DESC, path DESC LIMIT :scan

-- name: done_keys
SELECT results.rowid AS row, finished_at AS at, path, '' AS reason FROM results
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe
  AND finished_at >= :since AND (finished_at, path) {below} (:at, CAST(:path AS TEXT))
ORDER BY finished_at DESC, path DESC LIMIT :scan

-- name: undone
SELECT o.path, o.job_id, o.state, o.at, o.size, o.reason, o.transient, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL
FROM ({keys}) AS found CROSS JOIN objects AS o ON o.rowid = found.row
WHERE (:part IS NULL OR found.path LIKE CAST(:part AS TEXT) ESCAPE '\')
  AND (:why IS NULL OR instr(found.reason, CAST(:why AS TEXT)))
LIMIT :limit;

-- name: done
SELECT o.path, r.job, o.state, r.finished_at, o.size, NULL, 0, r.width, r.height, r.worker, r.turnaround, r.outputs,
  r.decode, r.filter, r.encode, r.write
FROM ({keys}) AS found CROSS JOIN results AS r ON r.rowid = found.row
CROSS JOIN objects AS o ON o.source = r.source AND o.path = r.path AND o.recipe = r.recipe
  AND o.size = r.size AND o.mtime_ns = r.mtime_ns AND o.tag = r.tag AND o.state = 'done'
WHERE (:part IS NULL OR found.path LIKE CAST(:part AS TEXT) ESCAPE '\') AND :why IS NULL
LIMIT :limit;

-- name: last_key
SELECT at, path FROM ({keys}) LIMIT 1 OFFSET :scan - 1;

-- name: paths_by_job
SELECT source, path, job_id AS job FROM objects WHERE job_id >= :low AND job_id < :high
UNION ALL SELECT source, path, job FROM results WHERE job >= :low AND job < :high
LIMIT :limit;

-- name: ends_of_range
SELECT min(job_id) FROM objects WHERE job_id >= :low AND job_id < :high
UNION ALL SELECT max(job_id) FROM objects WHERE job_id >= :low AND job_id < :high
UNION ALL SELECT min(job) FROM results WHERE job >= :low AND job < :high
UNION ALL SELECT max(job) FROM results WHERE job >= :low AND job < :high;

-- name: object
SELECT path, size, mtime_ns, tag, recipe, state, transient, fresh, reason, departure, at, job_id FROM objects
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT);

-- name: result
SELECT job, outputs, width, height, engine, worker, decode, filter, encode, write, turnaround, finished_at, notes, times
FROM results
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = CAST(:tag AS TEXT) AND recipe = :recipe;

-- name: results_of
SELECT job, worker, turnaround, finished_at FROM results
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) ORDER BY finished_at DESC LIMIT :limit;

-- name: attempts_without_how
SELECT job, worker, ending, seconds, ended, reason FROM attempts
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) ORDER BY ended DESC LIMIT :limit;

-- name: attempts
SELECT job, worker, ifnull(how, ending), seconds, ended, reason FROM attempts
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) ORDER BY ended DESC LIMIT :limit;
