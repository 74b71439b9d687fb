-- Every statement of the ledger, by name. Paths are bound as bytes, because a name need not be valid UTF-8, and stored
-- as TEXT, so that they can be read in any SQLite tool. A ctime_ns of 0 or NULL is unknown, and agrees with any. :now is
-- in seconds since the epoch.
-- "state <> 'done'" beside another state has SQLite use the index undone_by_time.

-- name: retry_transient
UPDATE objects SET state = 'pending', reason = NULL, at = :now
WHERE source = CAST(:source AS TEXT) AND state = 'failed' AND transient;

-- name: retry
UPDATE objects SET state = 'pending', reason = NULL, at = :now
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe
  AND (:ctime_ns = 0 OR ifnull(ctime_ns, 0) IN (0, :ctime_ns)) AND state = 'failed';

-- name: failed_objects
SELECT path, size, mtime_ns, tag, ifnull(ctime_ns, 0), ifnull(inode, 0), reason FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'failed' AND state <> 'done' AND departure IS NULL
ORDER BY rowid;

-- name: finished_objects
SELECT path, size, mtime_ns, tag, ifnull(ctime_ns, 0), ifnull(inode, 0) FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state IN ('done', 'failed') AND departure IS NULL
ORDER BY rowid;

-- name: again
UPDATE objects SET state = 'pending', reason = NULL, transient = 0, at = :now
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe
  AND (:ctime_ns = 0 OR ifnull(ctime_ns, 0) IN (0, :ctime_ns))
  AND state IN ('done', 'failed') AND departure IS NULL;

-- name: date
UPDATE objects SET at = :now
WHERE source = CAST(:source AS TEXT) AND departure IN ('theirs', 'ours') AND at IS NULL;

-- name: prune_objects
DELETE FROM objects
WHERE source = CAST(:source AS TEXT) AND departure IN ('theirs', 'ours') AND at < :before;

-- name: prune_results
DELETE FROM results
WHERE source = CAST(:source AS TEXT) AND finished_at < :before AND NOT EXISTS (
    SELECT 1 FROM objects AS present
    WHERE present.source = results.source AND present.path = results.path AND present.size = results.size
      AND present.mtime_ns = results.mtime_ns AND present.tag = results.tag AND present.recipe = results.recipe
);

-- name: prune_attempts
DELETE FROM attempts WHERE source = CAST(:source AS TEXT) AND ended < :before;

-- name: prune_minutes
DELETE FROM minutes WHERE source = CAST(:source AS TEXT) AND (minute + 1) * 60 <= :before;

-- name: settled
SELECT path, size, mtime_ns, tag, ifnull(ctime_ns, 0), ifnull(inode, 0) FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND (departure IS NULL OR departure = 'due');

-- name: fresh
SELECT path FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND fresh AND (departure IS NULL OR departure = 'due');

-- name: pending
SELECT path, size, mtime_ns, tag, ifnull(ctime_ns, 0), ifnull(inode, 0), fresh FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'pending' AND state <> 'done'
ORDER BY rowid;

-- name: add
INSERT OR REPLACE INTO objects (source, path, size, mtime_ns, tag, ctime_ns, inode, recipe, state, fresh, at)
VALUES (CAST(:source AS TEXT), CAST(:path AS TEXT), :size, :mtime_ns, :tag, :ctime_ns, :inode, :recipe, :state, :fresh, :now);

-- name: set_job
UPDATE objects SET job_id = :job
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe AND state = 'pending';

-- name: standing
SELECT state, :ctime_ns = 0 OR ifnull(ctime_ns, 0) IN (0, :ctime_ns) FROM objects
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe
  AND (departure IS NULL OR departure = 'due');

-- name: made
SELECT job FROM objects JOIN results USING (source, path, size, mtime_ns, tag, recipe)
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe
  AND state = 'done' AND (departure IS NULL OR departure = 'due');

-- name: renew
UPDATE objects SET ctime_ns = :ctime_ns, inode = :inode, departure = ifnull(:departure, departure)
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe;

-- name: forget
DELETE FROM objects
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) AND state <> 'done';

-- name: vanished
UPDATE objects SET departure = 'theirs', at = :now
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) AND state = 'done';

-- name: forget_failed
DELETE FROM objects
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT) AND state = 'failed';

-- name: set_state
UPDATE objects
SET state = :state, reason = :reason, transient = :transient, departure = :departure, at = :now,
    job_id = :job
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe
  AND (:ctime_ns = 0 OR ifnull(ctime_ns, 0) IN (0, :ctime_ns));

-- name: attempt
INSERT INTO attempts (source, path, job, worker, ending, seconds, ended, reason, how)
VALUES (CAST(:source AS TEXT), CAST(:path AS TEXT), nullif(:job, ''), nullif(:worker, ''), :ending, nullif(:seconds, 0), ifnull(:ended, :now), nullif(:reason, ''), :how);

-- name: due
SELECT path, size, mtime_ns, tag, ifnull(ctime_ns, 0), ifnull(inode, 0) FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND departure = 'due';

-- name: depart
UPDATE objects SET departure = :departure, at = :now
WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT)
  AND size = :size AND mtime_ns = :mtime_ns AND tag = :tag AND recipe = :recipe
  AND (:ctime_ns = 0 OR ifnull(ctime_ns, 0) IN (0, :ctime_ns)) AND state = 'done';

-- name: record
INSERT INTO results (
    source, path, size, mtime_ns, tag, recipe, job, outputs, width, height, engine, worker,
    decode, filter, encode, write, turnaround, finished_at, notes, sums
) VALUES (
    CAST(:source AS TEXT), CAST(:path AS TEXT), :size, :mtime_ns, :tag, :recipe, :job, :outputs, :width, :height,
    :engine, :worker, :decode, :filter, :encode, :write, :turnaround, :finished_at, :notes,
    :sums
)
ON CONFLICT (source, path, size, mtime_ns, tag, recipe) DO UPDATE SET
    times = CASE WHEN job = excluded.job THEN times + 1 ELSE 1 END, job = excluded.job, outputs = excluded.outputs,
    width = excluded.width, height = excluded.height,
    engine = excluded.engine, worker = excluded.worker, decode = excluded.decode,
    filter = excluded.filter, encode = excluded.encode, write = excluded.write,
    turnaround = excluded.turnaround, finished_at = excluded.finished_at, notes = excluded.notes,
    sums = excluded.sums;

-- name: same_job
SELECT path, outputs, width, height, worker, notes, sums
FROM results JOIN objects USING (source, path, size, mtime_ns, tag, recipe)
WHERE source = CAST(:source AS TEXT) AND job = :job AND state = 'done'
LIMIT 1;

-- / follows . in ASCII
-- name: of_stem
SELECT path, state FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe
  AND (path = CAST(:path AS TEXT) OR (path > CAST(:suffixed AS TEXT) AND path < CAST(:beyond AS TEXT)))
ORDER BY path;

-- name: progress
SELECT state, n FROM counts WHERE source = CAST(:source AS TEXT) AND recipe = :recipe;

-- name: failures
SELECT path, reason FROM objects
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'failed' AND state <> 'done'
ORDER BY path;

-- name: processed
SELECT path, size, width, height, worker, decode + filter + encode, turnaround, outputs, finished_at
FROM results JOIN objects USING (source, path, size, mtime_ns, tag, recipe)
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'done' AND departure IS NOT 'theirs'
ORDER BY finished_at;

-- name: redo
UPDATE objects SET state = 'pending', reason = NULL, at = :now
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND departure IS NULL;

-- name: report
SELECT path, size, width, height, width * height, engine, worker, turnaround - decode - filter - encode, decode, filter, encode, write,
       state, reason, notes
FROM objects LEFT JOIN results USING (source, path, size, mtime_ns, tag, recipe)
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state <> 'skipped' AND departure IS NOT 'theirs'
ORDER BY path;

-- name: has_begun
SELECT 1 FROM sources
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND (:output IS NULL OR output = CAST(:output AS TEXT));

-- name: begin
INSERT INTO sources (source, recipe, output) VALUES (CAST(:source AS TEXT), :recipe, CAST(:output AS TEXT))
ON CONFLICT DO UPDATE SET recipe = excluded.recipe, output = ifnull(excluded.output, output);

-- name: pause
UPDATE sources SET paused = CASE WHEN :paused THEN :now END
WHERE source = CAST(:source AS TEXT) AND (paused IS NOT NULL) <> :paused;

-- name: is_paused
SELECT 1 FROM sources WHERE source = CAST(:source AS TEXT) AND paused IS NOT NULL;

-- name: is_listed
SELECT 1 FROM listed WHERE source = CAST(:source AS TEXT) AND recipe = :recipe;

-- name: set_listed
INSERT OR IGNORE INTO listed (source, recipe) VALUES (CAST(:source AS TEXT), :recipe);

-- name: clear_left_alone
DELETE FROM left_alone WHERE source = CAST(:source AS TEXT);

-- name: leave_alone
INSERT INTO left_alone (source, kind, files) VALUES (CAST(:source AS TEXT), :kind, :files);

-- name: left_alone
SELECT kind, files FROM left_alone WHERE source = CAST(:source AS TEXT);

-- name: tell
INSERT OR IGNORE INTO told (source, path) VALUES (CAST(:source AS TEXT), CAST(:path AS TEXT));

-- name: is_told
SELECT 1 FROM told WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT);

-- name: stale
SELECT path, size, mtime_ns, tag, ifnull(ctime_ns, 0), ifnull(inode, 0) FROM told JOIN objects USING (source, path)
WHERE source = CAST(:source AS TEXT) AND recipe = :recipe AND state = 'done';

-- name: take_back
DELETE FROM told WHERE source = CAST(:source AS TEXT) AND path = CAST(:path AS TEXT);
