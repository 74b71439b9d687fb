-- The ledger: the only place where the state of the work is kept. Paths are below the source root.
CREATE TABLE IF NOT EXISTS objects (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    tag TEXT NOT NULL,                -- what else tells this version from others: a hash, an id, or nothing
    recipe TEXT NOT NULL,             -- digest of the recipe that applies, hexadecimal
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'skipped')),
    transient INTEGER NOT NULL DEFAULT 0,  -- of a failure: worth another try at the next start
    fresh INTEGER NOT NULL,           -- arrived while the listener ran: goes before the backfill
    reason TEXT,
    departure TEXT CHECK (departure IN ('due', 'ours', 'theirs')),  -- from the source: we are to take it away, we did, it vanished
    PRIMARY KEY (source, path)
);

-- One row for each version of each object that has been processed under a recipe, never two.
CREATE TABLE IF NOT EXISTS results (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    tag TEXT NOT NULL,
    recipe TEXT NOT NULL,
    job TEXT NOT NULL,
    outputs TEXT NOT NULL,            -- JSON: [name, format, size in bytes] of each
    width INTEGER, height INTEGER,    -- pixels
    engine TEXT NOT NULL,             -- sequential, threads, processes, mpi, dask or cluster
    worker TEXT,                      -- host/process
    decode REAL, filter REAL, encode REAL,  -- seconds in the worker
    write REAL,                       -- seconds to place the outputs
    turnaround REAL,                  -- seconds from submission to result
    finished_at REAL NOT NULL,        -- seconds since the epoch
    times INTEGER NOT NULL DEFAULT 1, -- how often the outcome arrived; more than once is harmless
    PRIMARY KEY (source, path, size, mtime_ns, tag, recipe)
);

CREATE INDEX IF NOT EXISTS results_by_job ON results (job);

-- Sources that have been listed to their end: what is new there from then on is no backfill.
CREATE TABLE IF NOT EXISTS listed (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    PRIMARY KEY (source, recipe)
);

-- Objects of which the output's folder for failures tells something.
CREATE TABLE IF NOT EXISTS told (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (source, path)
);

PRAGMA user_version = 2;
