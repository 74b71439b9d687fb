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
    at REAL,                          -- when it came to its state or departed, in seconds since the epoch
    PRIMARY KEY (source, path)
);

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
    outputs TEXT NOT NULL,            -- JSON: [name, format, size in bytes] of each
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
