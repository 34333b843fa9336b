-- The tables of artifacts and roles as RSTUF's worker (1.0) makes them.
CREATE TYPE targetaction AS ENUM ('ADD', 'REMOVE');
CREATE TABLE rstuf_target_roles (
	id serial PRIMARY KEY,
	rolename varchar NOT NULL UNIQUE,
	expires timestamp NOT NULL,
	version integer NOT NULL,
	active boolean NOT NULL,
	last_update timestamp
);
CREATE TABLE rstuf_target_files (
	id serial PRIMARY KEY,
	path varchar NOT NULL UNIQUE,
	info json NOT NULL,
	published boolean NOT NULL,
	action targetaction NOT NULL,
	last_update timestamp,
	targets_role integer REFERENCES rstuf_target_roles (id)
);
