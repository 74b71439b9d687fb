CREATE TABLE objects (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    tag TEXT NOT NULL,
    recipe TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'failed', 'skipped')),
    transient INTEGER NOT NULL DEFAULT 0,
    fresh INTEGER NOT NULL,
    reason TEXT,
    departure TEXT CHECK (departure IN ('due', 'ours', 'theirs')),
    ctime_ns INTEGER, inode INTEGER,
    at REAL,
    PRIMARY KEY (source, path)
);
CREATE TABLE results (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    tag TEXT NOT NULL,
    recipe TEXT NOT NULL,
    job TEXT NOT NULL,
    outputs TEXT NOT NULL,
    width INTEGER, height INTEGER,
    engine TEXT NOT NULL,
    worker TEXT,
    decode REAL, filter REAL, encode REAL,
    write REAL,
    turnaround REAL,
    finished_at REAL NOT NULL,
    notes TEXT,
    sums TEXT,
    times INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (source, path, size, mtime_ns, tag, recipe)
);
CREATE INDEX results_by_job ON results (job);
CREATE TABLE listed (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    PRIMARY KEY (source, recipe)
);
CREATE TABLE left_alone (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    files INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
);
CREATE TABLE told (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (source, path)
);
PRAGMA user_version = 2;
INSERT INTO objects VALUES
    ('/photos', 'done.jpg', 100, 1, '', 'r1', 'done', 0, 0, NULL, NULL, 5, 6, 1000.0),
    ('/photos', 'gone.jpg', 100, 1, '', 'r1', 'done', 0, 0, NULL, 'theirs', 5, 6, 1000.0),
    ('/photos', 'bad.jpg', 7, 1, '', 'r1', 'failed', 0, 0, 'The file is empty.', NULL, 5, 6, 1500.0),
    ('/photos', 'worse.jpg', 7, 1, '', 'r1', 'failed', 1, 0, 'The file is empty.', NULL, 5, 6, NULL),
    ('/photos', CAST(x'ff2e6a7067' AS TEXT), 9, 2, 'md5', 'r1', 'pending', 0, 1, NULL, NULL, NULL, NULL, NULL),
    ('/photos', 'old.jpg', 9, 2, '', 'r1', 'skipped', 0, 0, NULL, NULL, NULL, NULL, NULL),
    ('s3:in', 'other.jpg', 9, 2, '', 'r2', 'done', 0, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO results VALUES
    ('/photos', 'done.jpg', 100, 1, '', 'r1', 'ab12cd34ef5600', '[["edges", "png", 3]]', 30, 20, 'threads', 'host/1', 0.1, 0.2, 0.3, 0.05, 1.0, 1230.0, NULL, '[7]', 2),
    ('/photos', 'gone.jpg', 100, 1, '', 'r1', 'ffff', '[["edges", "png", 3]]', 30, 20, 'threads', 'host/1', 0.1, 0.2, 0.3, 0.05, 0.0, 1270.0, NULL, NULL, 1),
    ('s3:in', 'other.jpg', 9, 2, '', 'r2', 'eeee', '[["edges", "png", 3]]', NULL, NULL, 'threads', '', NULL, NULL, NULL, 0.0, 0.0, 1271.0, NULL, NULL, 1);
INSERT INTO listed VALUES ('/photos', 'r1');
INSERT INTO left_alone VALUES ('/photos', '.dng', 4);
INSERT INTO told VALUES ('/photos', 'bad.jpg');
