#!/bin/sh
# Run by the image of PostgreSQL when its data folder is new: Temporal's role, which makes its own two databases.
set -eu
psql --set=ON_ERROR_STOP=1 --username=postgres --set=password="$TEMPORAL_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'password';
SQL
