PRAGMA application_id = 2003201143;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE journal (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    previous INTEGER,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);
INSERT INTO "journal" VALUES(1,1,1,NULL,X'656E7472792031',604146505);
INSERT INTO "journal" VALUES(3,3,1,NULL,X'656E7472792031',604146505);
INSERT INTO "journal" VALUES(4,4,1,NULL,X'7363686CC3A46674',2608907593);
INSERT INTO "journal" VALUES(5,5,1,NULL,X'656E7472792031',604146505);
INSERT INTO "journal" VALUES(6,1,2,1,X'656E7472792032',3171670771);
INSERT INTO "journal" VALUES(7,3,2,3,X'656E7472792032',3171670771);
INSERT INTO "journal" VALUES(8,1,3,6,X'656E7472792033',3389844069);
INSERT INTO "journal" VALUES(9,2,3,NULL,X'656E7472792033',3389844069);
INSERT INTO "journal" VALUES(10,5,2,5,X'656E7472792032',3171670771);
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    data TEXT NOT NULL,
    reply TEXT
);
INSERT INTO "messages" VALUES(1,1,'message 1',NULL);
INSERT INTO "messages" VALUES(2,2,'message 2','reply 2');
CREATE TABLE owners (
    id TEXT PRIMARY KEY,
    until REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO "owners" VALUES('one',130.0);
CREATE TABLE questions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (run, id)
);
INSERT INTO "questions" VALUES(2,1,'q 2','question 2');
INSERT INTO "questions" VALUES(3,2,'q 1','question 3');
CREATE TABLE runs (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    is_waiting INTEGER NOT NULL,
    wake_at REAL,
    due REAL,
    owner TEXT,
    entry INTEGER NOT NULL,
    tail INTEGER,
    mark TEXT,
    created_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    ended_at REAL
);
INSERT INTO "runs" VALUES(1,'journal','shop.Shop','running',0,NULL,-9e999,'one',3,8,NULL,100.5,102.0,NULL);
INSERT INTO "runs" VALUES(2,'snapshot','shop.Shop','running',1,NULL,NULL,'one',3,9,NULL,100.5,102.0,NULL);
INSERT INTO "runs" VALUES(3,'ended','shop.Shop','completed',0,NULL,-9e999,NULL,2,7,NULL,100.5,101.0,101.0);
INSERT INTO "runs" VALUES(4,'sleeping','shop.Shop','running',1,500.25,500.25,NULL,1,4,NULL,100.5,102.0,NULL);
INSERT INTO "runs" VALUES(5,'cancelled','shop.Shop','cancelled',0,NULL,-9e999,NULL,2,10,NULL,100.5,102.0,NULL);
CREATE TABLE snapshots (
    run INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);
INSERT INTO "snapshots" VALUES(2,2,X'736E617073686F742032',3546705357);
CREATE TABLE stream (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);
INSERT INTO "stream" VALUES(1,1,X'6576656E742031',2215694073);
INSERT INTO "stream" VALUES(1,2,X'6576656E742032',488218435);
CREATE INDEX runs_due ON runs (owner, workflow, due) WHERE status = 'running' AND due IS NOT NULL;
CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_of_status ON runs (status);
CREATE INDEX runs_of_workflow ON runs (workflow);
CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX stream_positions ON stream (run, position);
CREATE INDEX messages_of_run ON messages (run);
CREATE INDEX messages_unanswered ON messages (run) WHERE reply IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',5);
INSERT INTO "sqlite_sequence" VALUES('messages',2);
INSERT INTO "sqlite_sequence" VALUES('questions',3);
COMMIT;
