#!/bin/sh
# Makes Temporal's two databases, or brings them up to date; may be repeated. SQL_HOST, SQL_PORT, SQL_USER,
# SQL_PASSWORD and SQL_PLUGIN say where. The schemas are in the tool itself.
set -eu
make() {
  temporal-sql-tool --database "$1" create-database
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}
make temporal temporal
make temporal_visibility visibility
