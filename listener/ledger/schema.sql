-- The ledger: the only place where the state of the work is kept. Paths are below the source root.
CREATE TABLE IF NOT EXISTS objects (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    tag TEXT NOT NULL,                -- what else the store says about the content: a hash, an id, or nothing
    recipe TEXT NOT NULL,             -- the digest of the recipe, in hexadecimal
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'skipped')),
    transient INTEGER NOT NULL DEFAULT 0,  -- a failure that may pass: it is tried again at the next start
    fresh INTEGER NOT NULL,           -- it came after the source had been listed, and goes before the backfill
    reason TEXT,
    departure TEXT CHECK (departure IN ('due', 'ours', 'theirs')),  -- it is to be taken away by us, was taken away by us, or vanished
    ctime_ns INTEGER, inode INTEGER,  -- of a file; NULL or 0 if nobody told
    at REAL,                          -- when it came to its state or departed, in seconds since the epoch; 0 if an earlier version did not note it
    job_id TEXT,                      -- the job that it waits for or that failed, if its content is known; NULL when it is done, for then the result has it
    PRIMARY KEY (source, path)
);

CREATE INDEX IF NOT EXISTS undone_by_time ON objects (source, recipe, state, at, path, reason) WHERE state <> 'done';
CREATE INDEX IF NOT EXISTS failed_by_reason ON objects (source, recipe, reason, at, path) WHERE state = 'failed';
CREATE INDEX IF NOT EXISTS objects_by_job ON objects (job_id) WHERE job_id IS NOT NULL;

-- One row for each version of each object that has been processed under a recipe, never two. Versions that differ in
-- ctime_ns or inode alone share a row: that of the last content.
CREATE TABLE IF NOT EXISTS results (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    tag TEXT NOT NULL,
    recipe TEXT NOT NULL,
    job TEXT NOT NULL,
    outputs TEXT NOT NULL,            -- JSON: [name, format, size in bytes] of each, and its pattern if its recipe names it
    width INTEGER, height INTEGER,    -- pixels
    engine TEXT NOT NULL,             -- sequential, threads, processes, mpi, dask or cluster
    worker TEXT,                      -- host/process
    decode REAL, filter REAL, encode REAL,  -- seconds in the worker
    write REAL,                       -- seconds to place the outputs
    turnaround REAL,                  -- seconds from submission to result
    finished_at REAL NOT NULL,        -- seconds since the epoch
    notes TEXT,                       -- what the outputs do not have of the file, in sentences
    sums TEXT,                        -- JSON: the CRC-32 of each output, as its worker has computed it
    times INTEGER NOT NULL DEFAULT 1, -- how often it was recorded; more than once is harmless
    PRIMARY KEY (source, path, size, mtime_ns, tag, recipe)
);

CREATE INDEX IF NOT EXISTS results_by_job ON results (job);
CREATE INDEX IF NOT EXISTS results_by_end ON results (source, recipe, finished_at, path);

-- What was tried and is in no result: failures, and results that later ones have replaced.
CREATE TABLE IF NOT EXISTS attempts (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    job TEXT,                         -- its short id; NULL if the content was not known
    worker TEXT,                      -- host/process, or NULL if nobody told
    ending TEXT NOT NULL CHECK (ending IN ('done', 'failed', 'transient')),
    seconds REAL,                     -- from submission to outcome, or NULL if it was not submitted
    ended REAL NOT NULL,              -- seconds since the epoch
    reason TEXT,
    how TEXT                          -- of a transient one that the broker saw, and after which it tried again
);

CREATE INDEX IF NOT EXISTS attempts_by_path ON attempts (source, path, ended);
CREATE INDEX IF NOT EXISTS attempts_by_end ON attempts (source, ended);

CREATE TRIGGER IF NOT EXISTS result_replaced AFTER UPDATE OF finished_at ON results BEGIN
    INSERT INTO attempts (source, path, job, worker, ending, seconds, ended)
    VALUES (OLD.source, OLD.path, substr(OLD.job, 1, 12), OLD.worker, 'done', OLD.turnaround, OLD.finished_at);
END;

-- A bad image may be tried again for ever, and its last twenty attempts tell enough.
CREATE TRIGGER IF NOT EXISTS attempts_bounded AFTER INSERT ON attempts BEGIN
    DELETE FROM attempts WHERE rowid IN (
        SELECT rowid FROM attempts WHERE source = NEW.source AND path = NEW.path ORDER BY ended DESC LIMIT -1 OFFSET 20
    );
END;

-- How many objects are in each state. Those that vanished from the source are not counted.
CREATE TABLE IF NOT EXISTS counts (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (source, recipe, state)
) WITHOUT ROWID;

-- How many objects have failed for each reason.
CREATE TABLE IF NOT EXISTS reasons (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    reason TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (source, recipe, reason)
) WITHOUT ROWID;

-- INSERT OR REPLACE fires no trigger for the row that it removes, so this one looks first.
CREATE TRIGGER IF NOT EXISTS object_replaced BEFORE INSERT ON objects BEGIN
    DELETE FROM objects WHERE source = NEW.source AND path = NEW.path;
END;

CREATE TRIGGER IF NOT EXISTS object_added AFTER INSERT ON objects WHEN NEW.departure IS NOT 'theirs' BEGIN
    INSERT INTO counts VALUES (NEW.source, NEW.recipe, NEW.state, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- A program that does not know of this column in what is pending leaves it empty.
CREATE TRIGGER IF NOT EXISTS object_dated AFTER INSERT ON objects WHEN NEW.at IS NULL AND NEW.state <> 'done' BEGIN
    UPDATE objects SET at = (julianday('now') - 2440587.5) * 86400.0 WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER IF NOT EXISTS object_removed AFTER DELETE ON objects WHEN OLD.departure IS NOT 'theirs' BEGIN
    UPDATE counts SET n = n - 1 WHERE source = OLD.source AND recipe = OLD.recipe AND state = OLD.state;
END;

CREATE TRIGGER IF NOT EXISTS object_changed AFTER UPDATE OF source, recipe, state, departure ON objects
WHEN (OLD.source, OLD.recipe, OLD.state, OLD.departure IS 'theirs')
    IS NOT (NEW.source, NEW.recipe, NEW.state, NEW.departure IS 'theirs') BEGIN
    UPDATE counts SET n = n - 1
    WHERE source = OLD.source AND recipe = OLD.recipe AND state = OLD.state AND OLD.departure IS NOT 'theirs';
    INSERT INTO counts SELECT NEW.source, NEW.recipe, NEW.state, 1 WHERE NEW.departure IS NOT 'theirs'
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER IF NOT EXISTS failure_added AFTER INSERT ON objects WHEN NEW.state = 'failed' BEGIN
    INSERT INTO reasons VALUES (NEW.source, NEW.recipe, ifnull(NEW.reason, ''), 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER IF NOT EXISTS failure_removed AFTER DELETE ON objects WHEN OLD.state = 'failed' BEGIN
    UPDATE reasons SET n = n - 1
    WHERE source = OLD.source AND recipe = OLD.recipe AND reason = ifnull(OLD.reason, '');
    DELETE FROM reasons
    WHERE source = OLD.source AND recipe = OLD.recipe AND reason = ifnull(OLD.reason, '') AND n <= 0;
END;

CREATE TRIGGER IF NOT EXISTS failure_changed AFTER UPDATE OF source, recipe, state, reason ON objects
WHEN OLD.state = 'failed' OR NEW.state = 'failed' BEGIN
    UPDATE reasons SET n = n - 1 WHERE OLD.state = 'failed'
    AND source = OLD.source AND recipe = OLD.recipe AND reason = ifnull(OLD.reason, '');
    INSERT INTO reasons SELECT NEW.source, NEW.recipe, ifnull(NEW.reason, ''), 1 WHERE NEW.state = 'failed'
    ON CONFLICT DO UPDATE SET n = n + 1;
    DELETE FROM reasons
    WHERE source = OLD.source AND recipe = OLD.recipe AND reason = ifnull(OLD.reason, '') AND n <= 0;
END;

-- What was done in each minute in which something was. A minute is the number of those since the epoch.
CREATE TABLE IF NOT EXISTS minutes (
    source TEXT NOT NULL,
    minute INTEGER NOT NULL,
    recipe TEXT NOT NULL,
    done INTEGER NOT NULL,            -- images
    failed INTEGER NOT NULL,          -- failures, of which one image may have several
    bytes INTEGER NOT NULL,           -- of the images that are done
    hist BLOB NOT NULL,               -- how long each stage took: see listener/ledger/histogram.py
    PRIMARY KEY (source, minute, recipe)
) WITHOUT ROWID;

-- What the listener of each source is told to do.
CREATE TABLE IF NOT EXISTS sources (
    source TEXT PRIMARY KEY,
    recipe TEXT NOT NULL,             -- the one that it was last started with
    output TEXT,                      -- the output of that time, without secrets; NULL if nobody told
    paused REAL                       -- since when it takes nothing new, in seconds since the epoch; NULL if it does
);

-- Sources that have been listed completely. What appears in them afterwards is not backfill.
CREATE TABLE IF NOT EXISTS listed (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    PRIMARY KEY (source, recipe)
);

-- What the last listing left alone: how many files of each kind are no images to us.
CREATE TABLE IF NOT EXISTS left_alone (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,               -- see listener/core/left_alone.py
    files INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
);

-- Objects for which the output may hold a note about a failure.
CREATE TABLE IF NOT EXISTS told (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (source, path)
);

PRAGMA user_version = 2;
