-- Tables of opensips.cfg beside this file, for SQLite, MariaDB and PostgreSQL alike:
--   sqlite3 examples/sql/sip.db < examples/sql/schema.sql
--   mariadb opensips < examples/sql/schema.sql
--   psql opensips < examples/sql/schema.sql

CREATE TABLE version (
    table_name VARCHAR(32) NOT NULL PRIMARY KEY,
    table_version INTEGER DEFAULT 0 NOT NULL
);
INSERT INTO version (table_name, table_version) VALUES ('dispatcher', 9);
INSERT INTO version (table_name, table_version) VALUES ('address', 5);

-- Where calls go.
CREATE TABLE dispatcher (
    id INTEGER NOT NULL PRIMARY KEY,
    setid INTEGER DEFAULT 0 NOT NULL,
    destination VARCHAR(192) DEFAULT '' NOT NULL,
    socket VARCHAR(128) DEFAULT NULL,
    state INTEGER DEFAULT 0 NOT NULL,
    probe_mode INTEGER DEFAULT 0 NOT NULL,
    weight VARCHAR(64) DEFAULT '1' NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    attrs VARCHAR(128) DEFAULT NULL,
    description VARCHAR(64) DEFAULT NULL
);
INSERT INTO dispatcher (id, setid, destination, description)
    VALUES (1, 1, 'sip:127.0.0.1:5071', 'first gateway');
INSERT INTO dispatcher (id, setid, destination, description)
    VALUES (2, 1, 'sip:127.0.0.1:5072', 'second gateway');

-- Who may call.
CREATE TABLE address (
    id INTEGER NOT NULL PRIMARY KEY,
    grp SMALLINT DEFAULT 0 NOT NULL,
    ip VARCHAR(50) NOT NULL,
    mask SMALLINT DEFAULT 32 NOT NULL,
    port SMALLINT DEFAULT 0 NOT NULL,
    proto VARCHAR(4) DEFAULT 'any' NOT NULL,
    pattern VARCHAR(64) DEFAULT NULL,
    context_info VARCHAR(32) DEFAULT NULL
);
INSERT INTO address (id, grp, ip, mask) VALUES (1, 1, '127.0.0.0', 8);
