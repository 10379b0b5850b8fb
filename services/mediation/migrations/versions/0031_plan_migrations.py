"""Migrations of running cases from one version of a plan type to another, and their reports."""

from services.kit.storage.migration import run_script

revision = "0031"
down_revision = "0030"

MIGRATIONS = """
CREATE TABLE plan_migrations (
    migration    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version      integer NOT NULL DEFAULT 1,
    state        smallint NOT NULL,
    unit         text COLLATE "C" NOT NULL,
    from_type    text NOT NULL,
    from_version text NOT NULL,
    to_type      text NOT NULL,
    to_version   text NOT NULL,
    mapping      jsonb NOT NULL,
    reason       text NOT NULL,
    proposed_by  text NOT NULL,
    proposed_at  timestamptz NOT NULL,
    decided_by   text NOT NULL DEFAULT '',
    decided_at   timestamptz,
    moved        integer NOT NULL DEFAULT 0,
    tried        text COLLATE "C" NOT NULL DEFAULT ''
);
COMMENT ON TABLE plan_migrations IS 'Running cases move from one version of a plan type to another; never deleted.';
COMMENT ON COLUMN plan_migrations.mapping IS 'What each step of the old version becomes; empty if it is dropped.';
COMMENT ON COLUMN plan_migrations.tried IS 'The last case that was tried in this round; empty before the first.';

CREATE TABLE plan_migration_rows (
    migration    integer NOT NULL REFERENCES plan_migrations,
    number       text COLLATE "C" NOT NULL REFERENCES cases,
    obstacle     text NOT NULL DEFAULT '',
    plan_version integer NOT NULL DEFAULT 0,
    tried_at     timestamptz NOT NULL,
    PRIMARY KEY (migration, number)
);
COMMENT ON TABLE plan_migration_rows IS 'What became of each case of a migration when it was last tried.';

ALTER TABLE plan_versions ADD COLUMN migration integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN plan_versions.migration IS 'The migration that made it; 0 if none did.';
CREATE INDEX cases_plan ON cases (plan, plan_version, number) WHERE stage <> 4;
"""


def upgrade() -> None:
    run_script(MIGRATIONS)
