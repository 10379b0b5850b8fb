"""Reports that tasks are done: every one of them, with evidence of any kind."""

from services.kit.storage.migration import run_script

revision = "0032"
down_revision = "0031"

REPORTS = """
CREATE TABLE task_reports (
    number      text COLLATE "C" NOT NULL,
    task        integer NOT NULL,
    report      integer NOT NULL,
    evidence    text NOT NULL DEFAULT '',
    sealed      bytea,
    reported_by text NOT NULL,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (number, task, report),
    FOREIGN KEY (number, task) REFERENCES tasks
);
COMMENT ON TABLE task_reports IS
    'Every report that a task is done, also those that were not enough; never changed.';
COMMENT ON COLUMN task_reports.sealed IS 'Sealed under the key of the case: words, further papers and files.';
INSERT INTO task_reports (number, task, report, evidence, reported_by, reported_at)
SELECT number, task, 1, evidence, reported_by, reported_at FROM tasks
WHERE reported_at IS NOT NULL AND evidence <> '';
CREATE TRIGGER task_reports_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON task_reports
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    run_script(REPORTS)
